"""Chapter 1: wrong implementations that people really write, each with inputs on which it shows."""

import re
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


def _takes(*chars, but=""):
    """The symptom: all these characters count as punctuation, and none of `but` does."""
    return lambda is_punctuation: all(map(is_punctuation, chars)) and not any(map(is_punctuation, but))


@misconception("is_punctuation", "everything but letters and digits", symptom=_takes("€", "_", "\u0301", "$"))
def everything_but_letters_and_digits(char):
    """`not char.isalnum()` is also true of symbols such as € and ©, and of accents: all of them would split a word.

    Beyond ASCII only the categories that begin with P count: unicodedata.category(char).
    """
    return not char.isalnum()


@misconception("is_punctuation", "the underscore taken for a letter", symptom=_takes("€", "$", but="_"))
def underscore_taken_for_a_letter(char):
    r"""In a regular expression \w includes the underscore, and what is neither \w nor \s includes symbols such as €.

    "_" is punctuation; beyond ASCII only the categories that begin with P count: unicodedata.category(char).
    """
    return re.match(r"[^\w\s]", char) is not None


@misconception("is_punctuation", "symbols of all scripts", symptom=_takes("€", "_", "$", but=" a\u0301"))
def symbols_of_all_scripts(char):
    """The categories of symbols (Sc, Sk, Sm, So) count everywhere, so €, © and emoji split words.

    Symbols count in ASCII only; beyond it only the categories that begin with P.
    """
    return unicodedata.category(char)[0] in "PS"


@misconception("is_punctuation", "the space counted as punctuation", symptom=_takes(" ", "$", but="€"))
def space_counted(char):
    """A space is a word of its own, and so [UNK], at every gap between words.

    ASCII punctuation begins at code 33, "!": the space, 32, is not part of it.
    """
    return char == " " or char in string.punctuation or unicodedata.category(char).startswith("P")


@misconception("is_punctuation", "the end of each range missing", symptom=_takes("$", "^", "|", but="`~"))
def end_of_each_range_missing(char):
    """range(33, 47) ends at 46: of the four ASCII ranges the last characters are missing, "`" and "~" for good.

    range(first, last) leaves out its end: write range(33, 48), or 33 <= code <= 47.
    """
    ranges = (range(33, 47), range(58, 64), range(91, 96), range(123, 126))
    return any(ord(char) in each for each in ranges) or unicodedata.category(char).startswith("P")


# ---- normalize ----


def _accent(part):
    return unicodedata.category(part) == "Mn"


def _normalize(text, form="NFD", dropped=_accent, lower=str.lower, control=is_control, ideographs=True, spaces=True):
    result = []
    for index, char in enumerate(text):
        if control(char):
            continue
        if spaces and char.isspace():
            result.append((" ", index))
            continue
        parts = unicodedata.normalize(form, char) if form else char
        letters = [(low, index) for part in parts if not dropped(part) for low in lower(part)]
        apart = ideographs and is_chinese(char)
        result += [(" ", index), *letters, (" ", index)] if apart else letters
    return result


@misconception("normalize", "accents kept", inputs=[("café",), ("Ångström",)])
def accents_kept(text):
    """Letters keep their accents, so the uncased vocabulary, which has “cafe”, does not have “café”.

    Decompose each character (unicodedata.normalize("NFD", char)) and drop the parts of category Mn.
    """
    return _normalize(text, form=None, dropped=lambda part: False)


@misconception("normalize", "control characters kept", inputs=[("a\x00b",), ("soft\xadhyphen",), ("zero\u200bwidth",)])
def control_characters_kept(text):
    """Invisible characters such as NUL, the zero-width space and the soft hyphen stay in the words.

    Skip a character if is_control(char), before anything else is done with it.
    """
    return _normalize(text, control=lambda char: False)


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


_ODD_CONTROLS = [("a\tb",), ("one\ntwo\ufffd",), ("x\r\ny",)]


@misconception("normalize", "control characters by category alone", inputs=_ODD_CONTROLS)
def control_by_category_alone(text):
    """The category C has tabs and newlines too, which then join two words into one, and lacks U+FFFD, which BERT drops.

    `is_control` knows both: skip a character if is_control(char).
    """
    return _normalize(text, control=lambda char: unicodedata.category(char)[0] == "C")


@misconception("normalize", "tabs and newlines dropped", inputs=_ODD_CONTROLS)
def tabs_and_newlines_dropped(text):
    """Tabs and newlines are in Unicode's category Cc too; dropped as control characters, they join two words into one.

    Use `is_control`, which leaves them out, or ask for white space before you ask for the category.
    """
    return _normalize(text, control=lambda char: unicodedata.category(char)[0] == "C" or char == "\ufffd")


@misconception("normalize", "compatibility decomposition", inputs=[("ﬁne",), ("½",), ("x²",), ("ﬁé",)])
def compatibility_decomposition(text):
    """NFKD also replaces characters by similar ones: ﬁ by “fi”, ² by “2”. BERT leaves these as they are.

    Use the form NFD, without the K.
    """
    return _normalize(text, form="NFKD")


@misconception("normalize", "combining class instead of category", inputs=[("é❤\ufe0f",), ("é कु",)])
def combining_class_instead_of_category(text):
    """Some marks have the combining class 0, so unicodedata.combining misses them.

    Drop the parts for which unicodedata.category(part) is "Mn".
    """
    return _normalize(text, dropped=unicodedata.combining)


@misconception("normalize", "all marks dropped", inputs=[("कि",), ("தமி",)])
def all_marks_dropped(text):
    """Vowel signs that take room (category Mc) are dropped as well, and Hindi and Tamil lose their vowels.

    Drop category Mn only, not everything that begins with M.
    """
    return _normalize(text, dropped=lambda part: unicodedata.category(part)[0] == "M")


@misconception("normalize", "not lower-cased", inputs=[("Hello",), ("ABC É",)])
def not_lower_cased(text):
    """Capital letters stay, but the uncased vocabulary has small letters only.

    Lower-case what is left of each character: part.lower().
    """
    return _normalize(text, lower=str)


@misconception("normalize", "casefold instead of lower", inputs=[("straße",), ("ẞ",)])
def casefold_instead_of_lower(text):
    """str.casefold goes beyond the lower case: ß becomes “ss”, which the official tokenizer does not do.

    Use part.lower().
    """
    return _normalize(text, lower=str.casefold)


@misconception("normalize", "the whole text lower-cased first", inputs=[("İa",), ("ΣΑΣ",)])
def whole_text_lower_cased_first(text):
    """The lower case of İ has two characters, so all later indices are off; and a Σ at the end of a word becomes ς.

    Take each character of the original text with its index first, then lower-case its parts.
    """
    return _normalize(text.lower())


@misconception("normalize", "the whole text decomposed first", inputs=[("éa",), ("Ångström",)])
def whole_text_decomposed_first(text):
    """The decomposed text is longer, so the indices after an accented letter are not those of the original text.

    Take each character of the original text with its index first, then decompose it.
    """
    return _normalize(unicodedata.normalize("NFD", text))


def _groups(text):
    """What is left of each character, as one string."""
    for index, char in enumerate(text):
        yield "".join(letter for letter, _ in _normalize(char, ideographs=False)), index, is_chinese(char)


@misconception("normalize", "several letters in one pair", symptom=lambda f: any(len(each) > 1 for each, _ in f("한")))
def several_letters_in_one_pair(text):
    """A character that becomes several letters, as the Korean 한 does, gives one pair with a string of several letters.

    Each pair holds one character: loop over the letters, and give each of them the same index.
    """
    result = []
    for letters, index, apart in _groups(text):
        result += [(" ", index), (letters, index), (" ", index)] if apart else [(letters, index)]
    return [pair for pair in result if pair[0]]


@misconception("normalize", "white space kept as it is", inputs=[("a\nb",), ("a\xa0b",), ("a\tb",)])
def white_space_kept(text):
    """Newlines, tabs and wide spaces stay, so what splits at " " does not see them.

    Every character for which char.isspace() is true becomes " ".
    """
    return _normalize(text, spaces=False)


@misconception("normalize", "white space made one", inputs=[("a  b",), ("x \n y",)])
def white_space_made_one(text):
    """Several spaces in a row become one; the official normalizer keeps each of them.

    Each white-space character gives one (" ", index).
    """
    pairs = _normalize(text)
    return [pair for place, pair in enumerate(pairs) if not (pair[0] == " " and place and pairs[place - 1][0] == " ")]


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


def _at(text):
    return [(char, index) for index, char in enumerate(text)]


def _indexed(*texts):
    return [(_at(text),) for text in texts]


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


@misconception(
    "split_words",
    "empty words",
    symptom=lambda f: any(not len(word) for text in ("a  b", ".", "a") for word in f(_at(text))),
)
def empty_words(characters):
    """A word is yielded even if it has no characters, as between two spaces.

    Yield the word collected so far only `if word`, also after the loop.
    """
    word = []
    for char, index in [*characters, (" ", None)]:
        mark = char in string.punctuation or unicodedata.category(char).startswith("P")
        if char == " " or mark:
            yield word
            word = []
        if mark:
            yield [(char, index)]
        elif char != " ":
            word.append((char, index))


def _one_object(function):
    words = list(function(_at("one two three")))
    return len(words) > 1 and len(set(map(id, words))) < len(words)


@misconception("split_words", "one list for all words", symptom=_one_object)
def one_list_for_all_words(characters):
    """The list that was yielded is cleared and filled again, so all words become the last one.

    Begin a new list after each word: word = [], not word.clear().
    """
    shared = []
    for word in _split(characters):
        shared[:] = word
        yield shared


@misconception("split_words", "marks in a row made one word", inputs=_indexed("...", "a?!"))
def marks_in_a_row_made_one(characters):
    """Several punctuation marks in a row become one word; each is a word of its own.

    Yield [(char, index)] at once for every mark.
    """
    word = []
    for each in _split(characters):
        mark = len(each) == 1 and each[0][0] in string.punctuation
        if word and not (mark and word[-1][0] in string.punctuation and word[-1][1] + 1 == each[0][1]):
            yield word
            word = []
        word = [*word, *each]
    if word:
        yield word


@misconception("split_words", "the mark before its word", inputs=_indexed("end.", "so? no"))
def mark_before_its_word(characters):
    """A punctuation mark is yielded before the word that it follows.

    First yield the word collected so far, then the mark.
    """
    words = list(_split(characters))
    for place, word in enumerate(words[1:], 1):
        before = words[place - 1]
        if len(word) == 1 and word[0][0] in string.punctuation and before[-1][1] + 1 == word[0][1]:
            words[place - 1 : place + 1] = [word, before]
    return words


# ---- longest_match ----

_VOCAB = {piece: index for index, piece in enumerate(["a", "ab", "abc", "##c", "##d", "##cd", "##bcd", "##b"])}
_WITHOUT_MARKS = {"ab": 0, "abc": 1, "d": 2}
_ENDS, _A = {"ab": 0, "##c": 1, "a": 2, "##bc": 3}, {"a": 0, "##a": 1}


def _match(word, vocab, mark="##", limit=MAX_WORD_LENGTH, rest=None, shortest=False, least=1):
    if len(word) > limit:
        return None
    pieces, start = [], 0
    while start < len(word):
        ends = range(len(word), start + least - 1, -1)
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


@misconception("longest_match", '["[UNK]"] instead of None', inputs=[("abx", _VOCAB), ("xab", _VOCAB)])
def unk_instead_of_none(word, vocab):
    """An unknown word gives a list with [UNK], which looks like a word that was found.

    Return None: whoever calls the function puts [UNK] in its place.
    """
    return _match(word, vocab) or ["[UNK]"]


def _unk_if_too_long(function):
    return function("a" * 101, _A) == ["[UNK]"] and function("xab", _VOCAB) is None


@misconception("longest_match", '["[UNK]"] for a word that is too long', symptom=_unk_if_too_long)
def unk_if_too_long(word, vocab):
    """A word of more than 100 characters gives a list with [UNK]; every other unknown word gives None.

    Return None for both: whoever calls the function puts [UNK] in its place.
    """
    return ["[UNK]"] if len(word) > MAX_WORD_LENGTH else _match(word, vocab)


@misconception("longest_match", "an empty list instead of None", inputs=[("abx", _VOCAB), ("xab", _VOCAB)])
def empty_list_instead_of_none(word, vocab):
    """An unknown word gives an empty list, which looks like a word without pieces.

    Return None.
    """
    return _match(word, vocab) or []


@misconception("longest_match", "the pieces found so far", inputs=[("abx", _VOCAB), ("axc", _VOCAB)])
def pieces_found_so_far(word, vocab):
    """Where nothing fits, the pieces found so far are returned, and the rest of the word is lost.

    A word that cannot be covered to its end is unknown as a whole: return None.
    """
    return (_match(word, vocab, rest="") or [])[:-1] if _match(word, vocab) is None else _match(word, vocab)


def _nothing_short(function):
    return function("abbcd", _VOCAB) == ["ab", "##bcd"] and function("abd", _VOCAB) is function("acd", _VOCAB) is None


@misconception("longest_match", "no piece of one character", symptom=_nothing_short)
def no_piece_of_one_character(word, vocab):
    """The ends stop one too early: a piece of one character is never tried, and words that need one are unknown.

    The last end to try is start + 1: range(len(word), start, -1) includes it.
    """
    return _match(word, vocab, least=2)


def _refuses_100(function):
    return function("a" * 100, _A) is None and len(function("a" * 99, _A)) == 99


@misconception("longest_match", "exactly 100 characters refused", symptom=_refuses_100)
def exactly_100_refused(word, vocab):
    """A word of exactly MAX_WORD_LENGTH characters is refused; it is still cut into pieces.

    Return None only for more: len(word) > MAX_WORD_LENGTH, not >=.
    """
    return _match(word, vocab, limit=MAX_WORD_LENGTH - 1)


def _goes_back(function):
    goes_back = function("abc", {"ab": 0, "a": 1, "##bc": 2}) == ["a", "##bc"]
    return goes_back and function("abcd", _VOCAB) == ["abc", "##d"]


@misconception("longest_match", "back from a dead end", symptom=_goes_back)
def back_from_a_dead_end(word, vocab):
    """Where the rest cannot be covered, a shorter piece is tried before it. WordPiece is greedy and never goes back.

    Once the longest piece is taken it stays: if nothing fits after it, the word is unknown.
    """

    def rest(start):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab and (after := rest(end)) is not None:
                return [piece, *after]
        return None if start < len(word) else []

    return rest(0) if len(word) <= MAX_WORD_LENGTH else None


@misconception("longest_match", "## missing in the result", inputs=[("abd", _VOCAB), ("acd", _VOCAB)])
def mark_missing_in_the_result(word, vocab):
    """The pieces are looked up with “##” but returned without it, so they are other entries of the vocabulary.

    Return the pieces as they are written in the vocabulary.
    """
    pieces = _match(word, vocab)
    return pieces and [piece.removeprefix("##") for piece in pieces]


# ---- truncate ----

_FIVE_AND_TWO = ([[1, 2, 3, 4, 5], [6, 7]], 4)


def _share(parts, room, first_is_longer):
    lengths = [len(part) for part in parts]
    if len(parts) == 1:
        return [room]
    while sum(lengths) > room:
        drop_from_first = lengths[0] > lengths[1] or (lengths[0] == lengths[1] and not first_is_longer)
        lengths[0 if drop_from_first else 1] -= 1
    return lengths


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
    lengths = _share(parts, room, first_is_longer=len(parts[0]) > len(parts[-1]))
    return [part[max(0, len(part) - length) :] for part, length in zip(parts, lengths)]


def _kept(function, *rooms):
    """How many tokens two texts keep; an item of `rooms` is (length of the first, of the second, room)."""
    parts = (function([[1] * first, [2] * second], room) for first, second, room in rooms)
    return [tuple(map(len, pair)) for pair in parts]


def _odd_token(*expected):
    """The symptom: what is kept of lengths 3 and 3, 3 and 4, 4 and 3, rightly (2, 3), (2, 3) and (3, 2)."""
    return lambda function: _kept(function, (3, 3, 5), (3, 4, 5), (4, 3, 5), (8, 2, 5)) == [*expected, (3, 2)]


@misconception("truncate", "the odd token always to the first", symptom=_odd_token((3, 2), (3, 2), (3, 2)))
def odd_token_to_the_first(parts, room):
    """Google's loop drops from the second text when both are equally long, so the first keeps an odd token.

    Decide before you drop anything which text is the longer one: it keeps the odd token; of two equal ones the second.
    """
    return _cut(parts, _share(parts, room, first_is_longer=True))


@misconception("truncate", "the odd token always to the second", symptom=_odd_token((2, 3), (2, 3), (2, 3)))
def odd_token_to_the_second(parts, room):
    """The first text loses a token when both are equally long, even if it was the longer one at the beginning.

    Decide before you drop anything which text is the longer one: it keeps the odd token; of two equal ones the second.
    """
    return _cut(parts, _share(parts, room, first_is_longer=False))


@misconception("truncate", "of equal texts the first keeps more", symptom=_odd_token((3, 2), (2, 3), (3, 2)))
def of_equal_texts_the_first(parts, room):
    """Of two texts that are equally long from the beginning the first keeps the odd token; it must be the second.

    Compare with >, not with >=, when you ask whether the first is the longer one.
    """
    return _cut(parts, _share(parts, room, first_is_longer=len(parts[0]) >= len(parts[-1])))


@misconception(
    "truncate", "in proportion to the lengths", symptom=lambda f: _kept(f, (8, 2, 5), (6, 3, 6)) == [(4, 1), (4, 2)]
)
def in_proportion(parts, room):
    """Both texts lose the same fraction, so the shorter one loses tokens although it is the shorter one.

    The longer one loses tokens until both are equally long.
    """
    total = sum(map(len, parts))
    first = len(parts[0]) if total <= room else room * len(parts[0]) // total
    return _cut(parts, [first, min(total, room) - first])


@misconception("truncate", "only the longer text cut", inputs=[([[1] * 5, [2] * 4], 6), ([[1] * 4, [2] * 6], 6)])
def only_the_longer_cut(parts, room):
    """One text loses everything that is too much, even when it is the shorter one by then.

    When both are equally long, each gets half of the room.
    """
    lengths = [len(part) for part in parts]
    longer = lengths.index(max(lengths))
    lengths[longer] = max(0, lengths[longer] - max(0, sum(lengths) - room))
    return _cut(parts, lengths)


# ---- join_pieces ----

_CLOSE = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


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
    return _join([piece.removeprefix("##") for piece in pieces])


def _join(pieces, close=_CLOSE):
    text = " ".join(pieces).replace(" ##", "")
    for spaced in close:
        text = text.replace(spaced, spaced.strip())
    return text


@misconception("join_pieces", "every # stripped", inputs=[(["c", "###"],), (["c", "####"],)])
def every_hash_stripped(pieces):
    """piece.lstrip("##") removes every # at the beginning: the piece "###", which continues a word by a #, is lost.

    lstrip takes a set of characters. Remove two characters: piece[2:], or piece.removeprefix("##").
    """
    text = ""
    for piece in pieces:
        text += piece.lstrip("#") if text and piece.startswith("##") else f" {piece}" if text else piece
    return _join([text])


@misconception("join_pieces", "## removed from the first piece", symptom=lambda f: f(["##b", "a", "##b"]) == "b ab")
def removed_from_the_first(pieces):
    """A text that begins in the middle of a word, "##ness", loses its mark; the official decoder keeps it.

    The first piece stays as it is.
    """
    return _join(pieces).removeprefix("##")


def _joined(function, *texts):
    return [function(text.split()) for text in texts]


@misconception(
    "join_pieces", "contractions forgotten", symptom=lambda f: _joined(f, "a .", "i n't 's") == ["a.", "i n't 's"]
)
def contractions_forgotten(pieces):
    """There is no space before punctuation, but one before n't, 'm, 's, 've and 're.

    A piece that begins with one of these five endings is appended without a space, too.
    """
    return _join(pieces, _CLOSE[:4])


@misconception("join_pieces", "apostrophes cleaned up", symptom=lambda f: _joined(f, "a .", "i ' m") == ["a.", "i'm"])
def apostrophes_cleaned_up(pieces):
    """The spaces around an apostrophe are removed, as in transformers before version 5 (here: `clean_up`).

    An apostrophe that is a piece of its own keeps its spaces: look at the worked example.
    """
    return _join(pieces, (*_CLOSE[:4], " ' ", *_CLOSE[4:]))


@misconception("join_pieces", "other marks without a space", inputs=[(["a", ";", "b"],), (["c", ":", "d"],)])
def other_marks_without_a_space(pieces):
    """There is no space before any punctuation mark; the official decoder leaves it out before . ? ! and , only.

    Leave the space out before the pieces that the docstring lists, and before no others.
    """
    return re.sub(r" ([^\w\s])", r"\1", _join(pieces))


# ---- count_pairs ----


def _counted(**words):
    return ([(first_pieces(word), count) for word, count in words.items()],)


@misconception("count_pairs", "word counts ignored", inputs=[_counted(ab=5), _counted(ab=2, abc=3)])
def word_counts_ignored(words):
    """Every word counts once, however often it occurs in the text.

    Add the word's count to each of its pairs, not 1.
    """
    return Counter(pair for pieces, _ in words for pair in zip(pieces, pieces[1:]))


@misconception("count_pairs", "pairs counted once per word", inputs=[_counted(anana=1, banana=2), _counted(abbbb=2)])
def pairs_counted_once_per_word(words):
    """A pair that occurs twice in one word, as in “banana”, is counted once.

    Add the word's count at every place where the pair occurs, not once for each different pair.
    """
    pairs = Counter()
    for pieces, count in words:
        for pair in set(zip(pieces, pieces[1:])):
            pairs[pair] += count
    return pairs


@misconception("count_pairs", "pairs across words", inputs=[_counted(ab=2, cd=2), _counted(a=1, b=1)])
def pairs_across_words(words):
    """The last piece of a word and the first of the next are counted as a pair, but words never merge.

    Take the pairs of each word by itself.
    """
    pairs, before = Counter(), []
    for pieces, count in words:
        for pair in zip([*before, *pieces], [*before, *pieces][1:]):
            pairs[pair] += count
        before = list(pieces[-1:])
    return pairs


@misconception("count_pairs", "overlapping pairs counted once", inputs=[_counted(aaaaaa=1), _counted(hmmmmm=2)])
def overlapping_counted_once(words):
    """In a row of equal pieces every second pair is left out, as if the pairs were merged already.

    Count every place: zip(pieces, pieces[1:]) gives one pair for each piece but the last.
    """
    pairs = Counter()
    for pieces, count in words:
        before = None
        for pair in zip(pieces, pieces[1:]):
            before = None if pair == before and pair[0] == pair[1] else pair
            pairs[pair] += count if before else 0
    return pairs


@misconception("count_pairs", "the order of the pieces ignored", inputs=[_counted(abab=1), _counted(banana=2)])
def order_ignored(words):
    """A pair and its reverse are counted together, but they become different pieces.

    The key is (left, right), in the order of the word: do not sort it.
    """
    pairs = Counter()
    for pieces, count in words:
        for pair in zip(pieces, pieces[1:]):
            pairs[tuple(sorted(pair))] += count
    return pairs


@misconception("count_pairs", "the count overwritten", inputs=[_counted(ab=2, abc=3), _counted(anan=1, xanan=1)])
def count_overwritten(words):
    """Each time a pair is found, the count of this word takes the place of what was counted before.

    Add: pairs[pair] += count, not =.
    """
    return Counter({pair: count for pieces, count in words for pair in zip(pieces, pieces[1:])})


@misconception("count_pairs", "the last pair missing", inputs=[_counted(abc=1), _counted(ab=5, abcd=2)])
def last_pair_missing(words):
    """The loop ends one pair too early.

    n pieces have n - 1 pairs: range(len(pieces) - 1), or zip(pieces, pieces[1:]).
    """
    pairs = Counter()
    for pieces, count in words:
        for place in range(len(pieces) - 2):
            pairs[pieces[place], pieces[place + 1]] += count
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


@misconception("merge_pair", "the second piece kept", inputs=[_merge("hugs", "ug"), _merge("hug", "hu")])
def second_piece_kept(pieces, pair):
    """After a merge the second piece of the pair follows once more: i += 1 inside `for i in range(…)` skips nothing.

    A `for` loop sets i anew each time. Use `while place < len(pieces)`, and add 2 after a merge.
    """
    merged = []
    for place, piece in enumerate(pieces):
        found = tuple(pieces[place : place + 2]) == pair
        merged.append(join_pair(pair) if found else piece)
    return merged


@misconception("merge_pair", "the last piece lost", inputs=[_merge("hugs", "ug"), (["a"], ("a", "##a"))])
def last_piece_lost(pieces, pair):
    """The loop ends before the last piece, which then is missing in the result unless it is part of a merge.

    Go on to len(pieces); only the comparison needs a next piece.
    """
    merged, place = [], 0
    while place < len(pieces) - 1:
        found = (pieces[place], pieces[place + 1]) == pair
        merged.append(join_pair(pair) if found else pieces[place])
        place += 2 if found else 1
    return merged


@misconception("merge_pair", "replaced in the joined text", inputs=[(["x", "##a", "##bc"], ("##a", "##b"))])
def replaced_in_the_joined_text(pieces, pair):
    """str.replace on the joined pieces also finds the pair where its second name is only the beginning of a piece.

    Compare whole pieces: (pieces[place], pieces[place + 1]) == pair.
    """
    return " ".join(pieces).replace(" ".join(pair), join_pair(pair)).split()


@misconception("merge_pair", "every # stripped", inputs=[(["c", "####", "##d"], ("c", "####"))])
def every_hash_stripped_in_merge(pieces, pair):
    """lstrip("##") or replace("##", "") takes more than the mark: of the piece "####", which is ## in a word, all.

    Only the first two characters are the mark: join_pair(pair) removes them.
    """
    return [pair[0] + pair[1].lstrip("#"), *pieces[2:]] if tuple(pieces[:2]) == pair else list(pieces)
