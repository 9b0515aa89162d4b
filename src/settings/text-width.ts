/** How many columns a text takes in a terminal. */

/** Made at its first use: the tables of Intl take 8 MiB. */
let segmenter: Intl.Segmenter | undefined;
function segmentsOf(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** East Asian Width: W and F of Unicode 16, as ranges; emoji are asked for apart. */
const wide =
  /^[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2fb}\u{1d300}-\u{1d376}\u{20000}-\u{3fffd}]/u;
/** Shown as a picture: by itself, because the text asks for one, or as a flag of two letters. */
const picture = /^\p{Emoji_Presentation}|^\p{Emoji}\ufe0f|^\p{RI}\p{RI}/u;
const unseen = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Chinese, Japanese, Korean and full-width characters and emoji take two. */
export function textWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += widthOf(segment);
  return width;
}

const widthOf = (character: string): number =>
  unseen.test(character) ? 0 : wide.test(character) || picture.test(character) ? 2 : 1;

/** The beginning of a text that fits, with `…` for the rest. */
export function cut(text: string, places: number): string {
  if (textWidth(text) <= places) return text;
  let [kept, width] = ['', 0];
  for (const { segment } of segmentsOf(text)) {
    width += widthOf(segment);
    if (width >= places) break;
    kept += segment;
  }
  return `${kept}…`;
}
