/**
 * A small fixed-width font for captions and plots, drawn for this project. A glyph is 5 columns wide; each column is
 * a byte, the top row in the lowest bit, rows 0 to 6 above the base line and row 7 below it for descenders.
 * The characters from space to tilde in order.
 */
const columns =
  "0000000000 00005f0000 0003000300 147f147f14 242e6b3a12 4323086162 3649562050 0000030000 " + // space to '
  "001c224100 0041221c00 2a1c7f1c2a 08083e0808 0080600000 0808080808 0060600000 6010080403 " + // ( to /
  "3e5149453e 44427f4040 6251494946 2241494936 181412117f 2745454539 3c4a494930 0171090503 " + // 0 to 7
  "3649494936 064949291e 0036360000 0080680000 0814224100 1414141414 0041221408 0201590906 " + // 8 to ?
  "3e415d551e 7e0909097e 7f49494936 3e41414122 7f4141413e 7f49494941 7f09090901 3e4149497a " + // @ to G
  "7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0608307f 3e4141413e " + // H to O
  "7f09090906 3e4151215e 7f09192946 2649494932 01017f0101 3f4040403f 0f3040300f 3f4038403f " + // P to W
  "6314081463 0304780403 6151494543 007f414100 0304081060 0041417f00 0402010204 4040404040 " + // X to _
  "0001020000 2054545478 7f48444438 3844444428 384444487f 3854545418 087e090902 18a4a4a47c " + // ` to g
  "7f08040478 00447d4000 4080847d00 007f102844 00417f4000 7c04780478 7c08040478 3844444438 " + // h to o
  "fc24242418 18242424fc 7c08040408 4854545424 043f444420 3c4040207c 1c2040201c 3c4030403c " + // p to w
  "4428102844 1ca0a0a07c 4464544c44 0008364100 00007f0000 0041360800 0804081008"; // x to ~

const glyphs = columns.split(" ").map((hex) => Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16)));

/** Size of a character's cell in font pixels, with the space to its neighbours. */
export const cell = { width: 6, height: 10 } as const;

/** A frame in place of what the font does not have. */
const unknown = Uint8Array.of(0x7f, 0x41, 0x41, 0x41, 0x7f);

/** The 5 columns of a character. */
export function glyph(character: string): Uint8Array {
  return glyphs[character.codePointAt(0)! - 32] ?? unknown;
}

/** Text in font pixels; a width of n characters is 6 n - 1. */
export function textWidth(text: string, scale = 1): number {
  return Math.max(0, Array.from(text).length * cell.width - 1) * scale;
}

/** Breaks text into lines of at most `limit` characters, between words where it can. */
export function wrapText(text: string, limit: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(/\s+/).filter(Boolean)) {
    if (line && Array.from(`${line} ${word}`).length <= limit) {
      line = `${line} ${word}`;
      continue;
    }
    if (line) lines.push(line);
    while (Array.from(word).length > limit) {
      lines.push(Array.from(word).slice(0, limit).join(""));
      word = Array.from(word).slice(limit).join("");
    }
    line = word;
  }
  if (line) lines.push(line);
  return lines;
}
