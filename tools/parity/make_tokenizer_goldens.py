"""Writes src/testing/goldens/tokenizer: small SentencePiece models, trained here, and the ids that the sentencepiece and
tokenizers packages give to tricky texts.

    python make_tokenizer_goldens.py [--texts N] [--out FOLDER]
"""

import argparse
import base64
import json
import random
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

OUT = Path(__file__).resolve().parents[2] / "src" / "testing" / "goldens" / "tokenizer"

WORDS = (
    "a the cat dog ball red blue green video of playing with worst quality inconsistent motion blurry jittery distorted "
    "woman man walks slowly through forest light morning camera pans left right close up cinematic shot water waves "
    "mountain snow city street night rain reflection café naïve résumé über straße fjord Hello World 2024 1080p 3.5 "
    "it's don't (soft) [hard] \"quoted\" semi;colon comma, period. 日本語 東京 привет мир"
).split()

# Things that normalisation, spaces, unknown characters and ties stumble over.
PARTS = WORDS + [
    " ", "  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u2028", "\u00ad", "\u0085",
    "\u2581", "\u2581a", "a\u2581b", "\x00", "\x01", "\x7f", "\x1b", "\ufffd", "ﬁ", "ﬀ", "ﬃ", "①", "½", "㎏", "㍿", "Ⅷ", "™",
    "ｆｕｌｌ", "ﾊﾝｶｸ", "ガ", "か\u3099", "e\u0301", "é", "q\u0323\u0307", "q\u0307\u0323", "Å", "Å", "K", "ſ", "ß", "İ", "ı",
    "\u1e9b\u0323", "각", "각", "ﷺ", "שׁ", "लक्ष्मी", "ไทย", "👍", "👍🏽", "👩‍🚀", "👨‍👩‍👧‍👦", "🇫🇷", "🎈", "❤️", "\U0001d49c", "𝟘", "～", "〜",
    "…", "—", "–", "“", "”", "‘", "’", "«", "·", "•", "→", "≈", "∞", "<mask>", "<m", "mask>", "</s>", "<s>", "<unk>", "<pad>",
    "<extra_id_0>", "<0x41>", "$", "%", "&", "@", "#", "\\", "/", "|", "~", "^", "_", "__", "---", "aaa", "aaaa", "abab", "zzz",
    "ABC", "XyZ", "0", "00", "007", "1,000", "3.14", "٣", "x²", "H₂O", "\u0301", "\u0303\u0301", "\u202e", "\u2066", "\U000e0041",
]
FIXED = ["", " ", "   ", "\n", "\u3000", "\u200b", "\x01", "a", " a", "a ", "  a  b  ", "\u2581", "\u0301", "🎈", "Hello world", "a cat",
         "A video of a cat playing with a ball.", "worst quality, inconsistent motion, blurry, jittery, distorted"]

# The pieces that sentencepiece lets its trainer set, one model each.
BASE = {"model_type": "unigram", "hard_vocab_limit": False, "num_threads": 1, "minloglevel": 2}
RULES = "1F388\t62 61 6C 6C\nC9\t65\n41\t61\n2014\t20 2D 20\n2026\t\n"  # 🎈 -> ball, É -> e, A -> a, — -> " - ", … -> nothing
MODELS = {
    # As T5's own: pad, end and unknown first, NFKC.
    "t5": {"vocab_size": 320, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "normalization_rule_name": "nmt_nfkc"},
    "bytes": {"vocab_size": 480, "byte_fallback": True, "normalization_rule_name": "identity", "eos_id": 1, "unk_id": 0,
              "bos_id": -1, "user_defined_symbols": ["<mask>", "🎈", "ab", "a cat"], "remove_extra_whitespaces": False},
    "suffix": {"vocab_size": 200, "treat_whitespace_as_suffix": True, "eos_id": 1, "unk_id": 0, "bos_id": -1, "rules": RULES},
    "bare": {"vocab_size": 200, "add_dummy_prefix": False, "eos_id": 1, "unk_id": 0, "bos_id": -1, "rules": RULES,
             "user_defined_symbols": ["É", "<mask>"]},
}


def texts(count: int) -> list[str]:
    dice = random.Random(11)
    mixed = lambda glue: glue.join(dice.choice(PARTS) for _ in range(dice.randint(1, 9)))  # noqa: E731
    return FIXED + PARTS + [mixed(dice.choice(["", " ", "  "])) for _ in range(count)]


def train(name: str, options: dict, out: Path) -> sentencepiece.SentencePieceProcessor:
    dice = random.Random(5)
    corpus = [" ".join(dice.choice(WORDS) for _ in range(dice.randint(2, 12))) for _ in range(2000)]
    options = BASE | options
    rules = options.pop("rules", None)
    if rules is not None:
        (out / "rules.tsv").write_text(rules)
        options["normalization_rule_tsv"] = str(out / "rules.tsv")
    path = out / f"{name}.model"
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=file, **options)
    (out / "rules.tsv").unlink(missing_ok=True)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def tokenizer_json(model: Path, split_words: bool) -> dict:
    """As published (Metaspace only), and as transformers 5 saves it (words first)."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.read_bytes())
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    steps = [{"type": "Precompiled", "precompiled_charsmap": charsmap}]
    if not split_words:
        steps += [
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        ]
    words = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": p.piece} | flags for i, p in enumerate(proto.pieces) if p.type in (2, 3)],
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": words if split_words else metaspace,
        "post_processor": None,
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [[p.piece, p.score] for p in proto.pieces]},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=250)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    samples = texts(args.texts)
    ids = {name: [p.encode(text) for text in samples] for name, o in MODELS.items() for p in [train(name, o, args.out)]}
    for name, split in (("json", False), ("json-words", True)):
        tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json(args.out / "t5.model", split)))
        ids[name] = [tokenizer.encode(text.strip(), add_special_tokens=False).ids for text in samples]
    lines = ",\n".join(json.dumps(text) for text in samples)
    rows = ",\n".join(f'"{name}": {json.dumps(list_, separators=(",", ":"))}' for name, list_ in ids.items())
    (args.out / "ids.json").write_text(f'{{"texts": [\n{lines}\n],\n"ids": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    main()
