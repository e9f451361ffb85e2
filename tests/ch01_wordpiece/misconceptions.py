"""Chapter 1: wrong implementations that people really write, each with inputs on which it shows."""

import string
import unicodedata
from collections import Counter

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, first_pieces, join_pair
from minidistil.course.misconceptions import misconception

# ---- is_punctuation ----


@misconception("is_punctuation", "ASCII symbols taken for letters", inputs=[("$",), ("+",), ("`",), ("~",)])
def only_unicode_punctuation(char):
    """Only Unicode's category P counts as punctuation, so $, +, <, =, >, ^, `, | and ~ stay inside words.

    BERT treats every printable ASCII character that is not a letter, digit or space as punctuation.
    """
    return unicodedata.category(char).startswith("P")


@misconception("is_punctuation", "only ASCII punctuation", inputs=[("“",), ("—",), ("¿",), ("。",)])
def only_ascii_punctuation(char):
    """Marks such as “ ” — ¿ 。 count as letters, because only the ASCII ones are listed.

    For all other characters use unicodedata.category(char): it begins with P.
    """
    return char in string.punctuation


# ---- normalize ----


def _letters(char, accents=False):
    parts = char if accents else unicodedata.normalize("NFD", char)
    return [low for part in parts if accents or unicodedata.category(part) != "Mn" for low in part.lower()]


def _normalize(text, accents=False, controls=False, ideographs=True):
    result = []
    for index, char in enumerate(text):
        if char.isspace():
            result.append((" ", index))
        elif controls or not is_control(char):
            letters = [(letter, index) for letter in _letters(char, accents)]
            apart = ideographs and is_chinese(char)
            result += [(" ", index), *letters, (" ", index)] if apart else letters
    return result


@misconception("normalize", "accents kept", inputs=[("café",), ("Ångström",), ("e\u0301",)])
def accents_kept(text):
    """Letters keep their accents, so the uncased vocabulary, which has “cafe”, does not have “café”.

    Decompose each character (unicodedata.normalize("NFD", char)) and drop the parts of category Mn.
    """
    return _normalize(text, accents=True)


@misconception("normalize", "control characters kept", inputs=[("a\x00b",), ("soft\xadhyphen",), ("zero\u200bwidth",)])
def control_characters_kept(text):
    """Invisible characters such as NUL, the zero-width space and the soft hyphen stay in the words.

    Skip a character if is_control(char), before anything else is done with it.
    """
    return _normalize(text, controls=True)


@misconception("normalize", "no spaces around Chinese characters", inputs=[("北京",), ("in 中国!",)])
def ideographs_not_set_apart(text):
    """A run of Chinese characters becomes one long word, which is [UNK] as a whole.

    Put (" ", index) before and after each character for which is_chinese(char) is true.
    """
    return _normalize(text, ideographs=False)


@misconception("normalize", "indices of the new text", inputs=[("a\x00b",), ("北京",), ("e\u0301x",)])
def indices_of_the_new_text(text):
    """The index counts characters of the normalized text, so offsets are wrong after every change of the length.

    Take the index from enumerate(text), the original text, and give it to everything that comes from this character.
    """
    return [(char, place) for place, (char, _) in enumerate(_normalize(text))]


@misconception("normalize", "everything but ASCII dropped", inputs=[("Привет",), ("ΣΑΣ x",), ("straße",)])
def everything_but_ascii_dropped(text):
    """Keeping ASCII only strips the accents, but deletes Greek, Cyrillic, Chinese and every other script as well.

    Drop only the accents: the parts of category Mn after decomposition. All other letters stay.
    """
    decomposed = [(part, index) for index, char in enumerate(text) for part in unicodedata.normalize("NFD", char)]
    kept = [(part, index) for part, index in decomposed if part.isascii() and not is_control(part)]
    return [(" " if part.isspace() else part.lower(), index) for part, index in kept]


# ---- split_words ----


def _split(characters, punctuation=True, marks=True, last=True):
    word = []
    for char, index in characters:
        mark = punctuation and (char in string.punctuation or unicodedata.category(char).startswith("P"))
        if char == " " or mark:
            if word:
                yield word
            if mark and marks:
                yield [(char, index)]
            word = []
        else:
            word.append((char, index))
    if word and last:
        yield word


def _indexed(*texts):
    return [([(char, index) for index, char in enumerate(text)],) for text in texts]


@misconception("split_words", "split at spaces only", inputs=_indexed("end.", "it's (so)"))
def split_at_spaces_only(characters):
    """Punctuation stays attached to its neighbours: “end.” is one word.

    At each character for which is_punctuation is true, end the word and yield the mark as a word of its own.
    """
    return _split(characters, punctuation=False)


@misconception("split_words", "punctuation dropped", inputs=_indexed("end. a", "it's (so)"))
def punctuation_dropped(characters):
    """Punctuation marks end a word but are thrown away; BERT keeps each as a word.

    After the word before it, yield [(char, index)] for the mark itself.
    """
    return _split(characters, marks=False)


@misconception("split_words", "last word forgotten", inputs=_indexed("one two", "word"))
def last_word_forgotten(characters):
    """A word that ends where the text ends is never yielded.

    After the loop, yield the word collected so far, if there is one.
    """
    return _split(characters, last=False)


# ---- longest_match ----

_VOCAB = {piece: index for index, piece in enumerate(["a", "ab", "abc", "##c", "##d", "##cd", "##bcd", "##b"])}
_WITHOUT_MARKS = _VOCAB | {"b": 8, "c": 9, "d": 10, "cd": 11}
_ENDS, _A = {"ab": 0, "##c": 1, "a": 2, "##bc": 3}, {"a": 0, "##a": 1}


def _match(word, vocab, mark="##", limit=MAX_WORD_LENGTH, rest=None, shortest=False):
    if len(word) > limit:
        return None
    pieces, start = [], 0
    while start < len(word):
        ends = range(len(word), start, -1)
        for end in reversed(ends) if shortest else ends:
            piece = (mark if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return None if rest is None else [*pieces, rest]
        pieces.append(piece)
        start = end
    return pieces


@misconception("longest_match", "shortest match", inputs=[("abcd", _VOCAB), ("abd", _VOCAB), ("acd", _VOCAB)])
def shortest_match(word, vocab):
    """The ends are tried from one character upwards and the first hit is taken, so words fall into letters.

    Try the ends from len(word) downwards: the first hit is then the longest.
    """
    return _match(word, vocab, shortest=True)


@misconception("longest_match", "match from the end of the word", inputs=[("abcd", _VOCAB), ("abc", _ENDS)])
def match_from_the_wrong_end(word, vocab):
    """Pieces are cut off the end of the word first; WordPiece starts at its beginning.

    Fix the start and shorten the end, not the other way round.
    """
    if len(word) > MAX_WORD_LENGTH:
        return None
    pieces, end = [], len(word)
    while end > 0:
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return None
        pieces.insert(0, piece)
        end = start
    return pieces


@misconception("longest_match", "## forgotten", inputs=[("abd", _WITHOUT_MARKS), ("abcd", _WITHOUT_MARKS)])
def continuation_mark_forgotten(word, vocab):
    """Pieces inside a word are looked up without “##”, as if each began a word.

    From the second piece on, look up "##" + word[start:end].
    """
    return _match(word, vocab, mark="")


@misconception("longest_match", "length limit forgotten", inputs=[("a" * 101, _A), ("a" * 500, _A)])
def length_limit_forgotten(word, vocab):
    """A word of more than 100 characters is cut into pieces; in BERT's tokenizer it is [UNK].

    Begin with the limit: return None for more than MAX_WORD_LENGTH characters. Exactly that many are fine.
    """
    return _match(word, vocab, limit=len(word))


@misconception("longest_match", "only the rest is [UNK]", inputs=[("abx", _VOCAB), ("axc", _VOCAB)])
def only_the_rest_unknown(word, vocab):
    """Where nothing fits, the pieces found so far are kept, and [UNK] stands for the rest of the word.

    A word that cannot be covered to its end is unknown as a whole: return None.
    """
    return _match(word, vocab, rest="[UNK]")


# ---- truncate ----

_FIVE_AND_TWO = ([[1, 2, 3, 4, 5], [6, 7]], 4)


def _cut(parts, lengths):
    return [part[:length] for part, length in zip(parts, lengths)]


@misconception("truncate", "only the second text cut", inputs=[_FIVE_AND_TWO, ([[1, 2, 3, 4], [5, 6, 7, 8]], 6)])
def only_the_second_cut(parts, room):
    """The first text stays whole, and all dropped tokens come from the second one.

    The longer of the two loses tokens first, whichever it is.
    """
    return _cut(parts, [room] if len(parts) == 1 else [len(parts[0]), max(0, room - len(parts[0]))])


@misconception("truncate", "half of the room each", inputs=[([[1, 2, 3, 4, 5], [6]], 4), ([[1], [2, 3, 4, 5, 6]], 4)])
def half_for_each(parts, room):
    """Each text gets half of the room, even if the shorter one does not need its half.

    The shorter one takes what it needs, at most half of the room; the longer one gets all the rest.
    """
    return _cut(parts, [room] if len(parts) == 1 else [room // 2, room - room // 2])


@misconception("truncate", "truncated on the left", inputs=[([[1, 2, 3]], 2), _FIVE_AND_TWO])
def truncated_on_the_left(parts, room):
    """The beginning of the text is thrown away instead of its end.

    Keep part[:length], not part[-length:].
    """
    lengths = [len(part) for part in parts]
    if len(parts) == 1:
        lengths = [min(lengths[0], room)]
    elif sum(lengths) > room:
        shorter = 1 if lengths[0] > lengths[1] else 0
        lengths[shorter] = min(lengths[shorter], room // 2)
        lengths[1 - shorter] = room - lengths[shorter]
    return [part[len(part) - length :] for part, length in zip(parts, lengths)]


# ---- join_pieces ----


_SPACED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


@misconception("join_pieces", "a space before punctuation", inputs=[(["a", "."],), (["so", ",", "no", "?"],)])
def space_before_punctuation(pieces):
    """The pieces are joined, but there is a space before punctuation and contractions.

    A piece that begins with one of those in the docstring is appended without a space.
    """
    return " ".join(pieces).replace(" ##", "")


@misconception("join_pieces", "a space before ## pieces", inputs=[(["un", "##happy"],), (["a", "##b", "##c", "."],)])
def space_before_pieces(pieces):
    """“##” is removed but the space before it stays: “un happy”.

    A piece that continues a word is appended without a space.
    """
    text = " ".join(pieces).replace("##", "")
    for spaced in _SPACED:
        text = text.replace(spaced, spaced.strip())
    return text


@misconception("join_pieces", "apostrophes cleaned up", inputs=[(["i", "'", "m"],), (["rock", "'", "'", "roll", "!"],)])
def apostrophes_cleaned_up(pieces):
    """The spaces around an apostrophe are removed, as in transformers before version 5 (here: `clean_up`).

    An apostrophe that is a piece of its own keeps its spaces: look at the worked example.
    """
    text = " ".join(pieces).replace(" ##", "")
    for spaced in (*_SPACED[:4], " ' ", *_SPACED[4:]):
        text = text.replace(spaced, spaced.strip())
    return text


# ---- count_pairs ----


def _counted(**words):
    return ([(first_pieces(word), count) for word, count in words.items()],)


@misconception("count_pairs", "word counts ignored", inputs=[_counted(ab=5), _counted(ab=2, abc=3)])
def word_counts_ignored(words):
    """Every word counts once, however often it occurs in the text.

    Add the word's count to each of its pairs, not 1.
    """
    return Counter(pair for pieces, _ in words for pair in zip(pieces, pieces[1:]))


@misconception("count_pairs", "pairs counted once per word", inputs=[_counted(anana=1), _counted(abbb=2)])
def pairs_counted_once_per_word(words):
    """A pair that occurs twice in one word, as in “banana”, is counted once.

    Add the word's count at every place where the pair occurs, not once for each different pair.
    """
    pairs = Counter()
    for pieces, count in words:
        for pair in set(zip(pieces, pieces[1:])):
            pairs[pair] += count
    return pairs


# ---- merge_pair ----


def _merge(word, pair):
    pieces, place = first_pieces(word), word.rindex(pair)
    return pieces, tuple(pieces[place : place + 2])


@misconception("merge_pair", "only the first occurrence merged", inputs=[_merge("banan", "an"), _merge("hmmmm", "mm")])
def only_the_first_merged(pieces, pair):
    """After one merge the rest of the word is left as it was.

    Continue after the merged piece until the word ends.
    """
    for place in range(len(pieces) - 1):
        if (pieces[place], pieces[place + 1]) == pair:
            return [*pieces[:place], join_pair(pair), *pieces[place + 2 :]]
    return list(pieces)


@misconception("merge_pair", "a piece merged twice", inputs=[_merge("hmmm", "mm"), _merge("aaaa", "aa")])
def merged_piece_used_again(pieces, pair):
    """After a merge the second piece of the pair is used again as the first of the next one.

    A merge uses up both pieces: move on by two.
    """
    merged = []
    for place, piece in enumerate(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            merged.append(join_pair(pair))
        elif not (place and tuple(pieces[place - 1 : place + 1]) == pair):
            merged.append(piece)
    return merged


@misconception("merge_pair", "## in the middle of a piece", inputs=[_merge("hug", "ug"), _merge("hu", "hu")])
def merged_piece_marked_in_the_middle(pieces, pair):
    """The two names are put together as they are, so “##u” and “##g” become “##u##g”.

    The second part loses its “##”: join_pair(pair) does that.
    """
    merged, place = [], 0
    while place < len(pieces):
        found = tuple(pieces[place : place + 2]) == pair
        merged.append(pair[0] + pair[1] if found else pieces[place])
        place += 2 if found else 1
    return merged
