"""Chapter 1: wrong implementations that people really write, each with inputs on which it shows."""

import string
import unicodedata
from collections import Counter

from minidistil.ch01_wordpiece.characters import is_chinese, is_control
from minidistil.ch01_wordpiece.vocabulary import MAX_WORD_LENGTH, join_pair
from minidistil.course.misconceptions import Misconception


def only_unicode_punctuation(char):
    return unicodedata.category(char).startswith("P")


def only_ascii_punctuation(char):
    return char in string.punctuation


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


def accents_kept(text):
    return _normalize(text, accents=True)


def control_characters_kept(text):
    return _normalize(text, controls=True)


def ideographs_not_set_apart(text):
    return _normalize(text, ideographs=False)


def places_in_the_new_text(text):
    return [(char, place) for place, (char, _) in enumerate(_normalize(text))]


def everything_but_ascii_dropped(text):
    decomposed = [(part, index) for index, char in enumerate(text) for part in unicodedata.normalize("NFD", char)]
    return [
        (" " if part.isspace() else part.lower(), index)
        for part, index in decomposed
        if part.isascii() and not is_control(part)
    ]


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


def split_at_spaces_only(characters):
    return _split(characters, punctuation=False)


def punctuation_dropped(characters):
    return _split(characters, marks=False)


def last_word_forgotten(characters):
    return _split(characters, last=False)


def shortest_match(word, vocab):
    if len(word) > MAX_WORD_LENGTH:
        return None
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return None
        pieces.append(piece)
        start = end
    return pieces


def match_from_the_wrong_end(word, vocab):
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


def _match(word, vocab, mark="##", limit=MAX_WORD_LENGTH, rest=None):
    if len(word) > limit:
        return None
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = (mark if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return None if rest is None else [*pieces, rest]
        pieces.append(piece)
        start = end
    return pieces


def continuation_mark_forgotten(word, vocab):
    return _match(word, vocab, mark="")


def length_limit_forgotten(word, vocab):
    return _match(word, vocab, limit=len(word))


def only_the_rest_unknown(word, vocab):
    return _match(word, vocab, rest="[UNK]")


def _cut(parts, lengths):
    return [part[:length] for part, length in zip(parts, lengths)]


def only_the_second_cut(parts, room):
    if len(parts) == 1:
        return [parts[0][:room]]
    return _cut(parts, [len(parts[0]), max(0, room - len(parts[0]))])


def half_for_each(parts, room):
    return _cut(parts, [room] if len(parts) == 1 else [room // 2, room - room // 2])


def cut_from_the_front(parts, room):
    if sum(map(len, parts)) <= room:
        return parts
    if len(parts) == 1:
        return [parts[0][len(parts[0]) - room :]]
    shorter, longer = (1, 0) if len(parts[0]) > len(parts[1]) else (0, 1)
    kept = min(len(parts[shorter]), room // 2)
    lengths = {shorter: kept, longer: room - kept}
    return [part[len(part) - lengths[index] :] for index, part in enumerate(parts)]


def clean_up_forgotten(pieces):
    return " ".join(pieces).replace(" ##", "")


def pieces_not_glued(pieces):
    text = " ".join(pieces).replace("##", "")
    for mark in ".?!,":
        text = text.replace(f" {mark}", mark)
    for spaced in (" ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(spaced, spaced.strip())
    return text


def word_counts_ignored(words):
    return Counter(pair for pieces, _ in words for pair in zip(pieces, pieces[1:]))


def pairs_counted_once_per_word(words):
    pairs = Counter()
    for pieces, count in words:
        for pair in set(zip(pieces, pieces[1:])):
            pairs[pair] += count
    return pairs


def only_the_first_merged(pieces, pair):
    for place in range(len(pieces) - 1):
        if (pieces[place], pieces[place + 1]) == pair:
            return [*pieces[:place], join_pair(pair), *pieces[place + 2 :]]
    return list(pieces)


def merged_piece_used_again(pieces, pair):
    merged, place = [], 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            merged.append(join_pair(pair))
            place += 1
        else:
            if not (place and tuple(pieces[place - 1 : place + 1]) == pair):
                merged.append(pieces[place])
            place += 1
    return merged


def merged_piece_marked_in_the_middle(pieces, pair):
    merged, place = [], 0
    while place < len(pieces):
        found = tuple(pieces[place : place + 2]) == pair
        merged.append(pair[0] + pair[1] if found else pieces[place])
        place += 2 if found else 1
    return merged


def _characters(text):
    return [(char, index) for index, char in enumerate(text)]


VOCAB = {piece: index for index, piece in enumerate(["a", "ab", "abc", "##c", "##d", "##cd", "##bcd", "##b"])}
WITHOUT_MARKS = VOCAB | {"b": 8, "c": 9, "d": 10, "cd": 11}

MISCONCEPTIONS = [
    Misconception(
        name="ASCII symbols are taken for letters",
        exercise="is_punctuation",
        what="Only Unicode's category P is asked for, so $, +, <, =, >, ^, `, | and ~ stay inside words.",
        look="BERT treats every printable ASCII character that is no letter, digit or space as punctuation.",
        wrong=only_unicode_punctuation,
        inputs=[("$",), ("+",), ("`",), ("~",)],
    ),
    Misconception(
        name="only ASCII punctuation is seen",
        exercise="is_punctuation",
        what="Marks such as “ ” — ¿ 。 count as letters, because only the ASCII ones are listed.",
        look="For all other characters ask unicodedata.category(char): it begins with P.",
        wrong=only_ascii_punctuation,
        inputs=[("“",), ("—",), ("¿",), ("。",)],
    ),
    Misconception(
        name="accents kept",
        exercise="normalize",
        what="Letters keep their accents, so “café” finds no piece “cafe” in the uncased vocabulary.",
        look='Decompose each character (unicodedata.normalize("NFD", char)) and drop the parts of category Mn.',
        wrong=accents_kept,
        inputs=[("café",), ("Ångström",), ("e\u0301",)],
    ),
    Misconception(
        name="control characters kept",
        exercise="normalize",
        what="Invisible characters such as NUL, the zero-width space and the soft hyphen stay in the words.",
        look="Skip a character for which is_control(char) holds, before anything else is done with it.",
        wrong=control_characters_kept,
        inputs=[("a\x00b",), ("soft\xadhyphen",), ("zero\u200bwidth",)],
    ),
    Misconception(
        name="ideographs not set apart",
        exercise="normalize",
        what="A run of Chinese characters becomes one long word, which is [UNK] as a whole.",
        look='Put (" ", index) before and after each character for which is_chinese(char) holds.',
        wrong=ideographs_not_set_apart,
        inputs=[("北京",), ("in 中国!",)],
    ),
    Misconception(
        name="places counted in the new text",
        exercise="normalize",
        what="The index is the place in the normalised text, so offsets drift wherever the length changes.",
        look="Take the index from enumerate(text), the original text, and give it to all that comes of the character.",
        wrong=places_in_the_new_text,
        inputs=[("a\x00b",), ("北京",), ("e\u0301x",)],
    ),
    Misconception(
        name="everything but ASCII dropped",
        exercise="normalize",
        what="Stripping accents by way of ASCII deletes Greek, Cyrillic, Chinese and every other script.",
        look="Drop only the accents: the parts of category Mn after decomposition. All other letters stay.",
        wrong=everything_but_ascii_dropped,
        inputs=[("Привет",), ("ΣΑΣ x",), ("straße",)],
    ),
    Misconception(
        name="split at spaces only",
        exercise="split_words",
        what="Punctuation stays glued to its neighbours: “end.” is one word.",
        look="At each character for which is_punctuation holds, end the word and give the mark as a word of its own.",
        wrong=split_at_spaces_only,
        inputs=[(_characters("end."),), (_characters("it's (so)"),)],
    ),
    Misconception(
        name="punctuation dropped",
        exercise="split_words",
        what="Marks end a word but are thrown away; BERT keeps each as a word.",
        look="After the word before it, yield [(char, index)] for the mark itself.",
        wrong=punctuation_dropped,
        inputs=[(_characters("end. a"),), (_characters("it's (so)"),)],
    ),
    Misconception(
        name="last word forgotten",
        exercise="split_words",
        what="A word that runs up to the end of the text is never given out.",
        look="After the loop, yield the word that is still being gathered, if there is one.",
        wrong=last_word_forgotten,
        inputs=[(_characters("one two"),), (_characters("word"),)],
    ),
    Misconception(
        name="shortest match",
        exercise="longest_match",
        what="The first piece that fits is taken, growing from one character, so words fall into letters.",
        look="Try the ends from len(word) downwards: the first hit is then the longest.",
        wrong=shortest_match,
        inputs=[("abcd", VOCAB), ("abd", VOCAB), ("acd", VOCAB)],
    ),
    Misconception(
        name="longest match from the wrong end",
        exercise="longest_match",
        what="Pieces are cut off the end of the word first; WordPiece starts at its beginning.",
        look="Fix the start and shorten the end, not the other way round.",
        wrong=match_from_the_wrong_end,
        inputs=[("abcd", VOCAB), ("abc", {"ab": 0, "##c": 1, "a": 2, "##bc": 3})],
    ),
    Misconception(
        name="continuation mark forgotten",
        exercise="longest_match",
        what="Pieces inside a word are looked up without “##”, as if each began a word.",
        look='From the second piece on, look up "##" + word[start:end].',
        wrong=continuation_mark_forgotten,
        inputs=[("abd", WITHOUT_MARKS), ("abcd", WITHOUT_MARKS)],
    ),
    Misconception(
        name="length limit forgotten",
        exercise="longest_match",
        what="A word of more than 100 characters is cut into pieces; BERT makes it [UNK].",
        look="Begin with: more than MAX_WORD_LENGTH characters give None. Exactly that many are fine.",
        wrong=length_limit_forgotten,
        inputs=[("a" * 101, {"a": 0, "##a": 1}), ("a" * 500, {"a": 0, "##a": 1})],
    ),
    Misconception(
        name="only the rest unknown",
        exercise="longest_match",
        what="Where nothing fits, the pieces found so far are kept and [UNK] stands for the rest.",
        look="A word that cannot be covered to its end is unknown as a whole: return None.",
        wrong=only_the_rest_unknown,
        inputs=[("abx", VOCAB), ("axc", VOCAB)],
    ),
    Misconception(
        name="only the second text cut",
        exercise="truncate",
        what="The first text stays whole and the second pays for all.",
        look="The longer of the two loses tokens first, whichever it is.",
        wrong=only_the_second_cut,
        inputs=[([[1, 2, 3, 4, 5], [6, 7]], 4), ([[1, 2, 3, 4], [5, 6, 7, 8]], 6)],
    ),
    Misconception(
        name="half for each",
        exercise="truncate",
        what="Each text gets half of the room, even if the shorter one does not need its half.",
        look="The shorter one takes what it needs, at most half; the longer one gets all the rest.",
        wrong=half_for_each,
        inputs=[([[1, 2, 3, 4, 5], [6]], 4), ([[1], [2, 3, 4, 5, 6]], 4)],
    ),
    Misconception(
        name="cut from the front",
        exercise="truncate",
        what="The beginning of the text is thrown away instead of its end.",
        look="Keep part[:length], not part[-length:].",
        wrong=cut_from_the_front,
        inputs=[([[1, 2, 3]], 2), ([[1, 2, 3, 4, 5], [6, 7]], 4)],
    ),
    Misconception(
        name="clean-up forgotten",
        exercise="join_pieces",
        what="The pieces are joined, but the spaces before punctuation and contractions stay.",
        look="After joining, make the replacements of the docstring, in its order.",
        wrong=clean_up_forgotten,
        inputs=[(["a", "."],), (["i", "'", "m", "so", ",", "no"],)],
    ),
    Misconception(
        name="pieces not glued",
        exercise="join_pieces",
        what="“##” is removed but the space before it stays: “un happy”.",
        look="A piece that continues a word is appended without a space.",
        wrong=pieces_not_glued,
        inputs=[(["un", "##happy"],), (["a", "##b", "##c", "."],)],
    ),
    Misconception(
        name="word counts ignored",
        exercise="count_pairs",
        what="Every word counts once, however often it occurs in the text.",
        look="Add the word's count to each of its pairs, not 1.",
        wrong=word_counts_ignored,
        inputs=[([(["a", "##b"], 5)],), ([(["a", "##b"], 2), (["a", "##b", "##c"], 3)],)],
    ),
    Misconception(
        name="pairs counted once per word",
        exercise="count_pairs",
        what="A pair that occurs twice in one word, as in “banana”, is counted once.",
        look="Add the word's count at every place where the pair occurs, not once per distinct pair.",
        wrong=pairs_counted_once_per_word,
        inputs=[([(["a", "##n", "##a", "##n", "##a"], 1)],), ([(["a", "##b", "##b", "##b"], 2)],)],
    ),
    Misconception(
        name="only the first occurrence merged",
        exercise="merge_pair",
        what="After one merge the rest of the word is left as it was.",
        look="Go on behind the merged piece until the word ends.",
        wrong=only_the_first_merged,
        inputs=[
            (["b", "##a", "##n", "##a", "##n"], ("##a", "##n")),
            (["h", "##m", "##m", "##m", "##m"], ("##m", "##m")),
        ],
    ),
    Misconception(
        name="a piece merged twice",
        exercise="merge_pair",
        what="After a merge the second piece of the pair is used again as the first of the next one.",
        look="A merge uses up both pieces: move on by two.",
        wrong=merged_piece_used_again,
        inputs=[(["h", "##m", "##m", "##m"], ("##m", "##m")), (["a", "##a", "##a", "##a"], ("##a", "##a"))],
    ),
    Misconception(
        name="## in the middle of a piece",
        exercise="merge_pair",
        what="The two names are put together as they are, so “##u” and “##g” become “##u##g”.",
        look="The second part loses its “##”: join_pair(pair) does that.",
        wrong=merged_piece_marked_in_the_middle,
        inputs=[(["h", "##u", "##g"], ("##u", "##g")), (["h", "##u"], ("h", "##u"))],
    ),
]
