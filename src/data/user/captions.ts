/** Captions of a folder's files, from one list: JSON lines, or comma-separated values with a header. */
import { InputError } from "../../base/errors.ts";

/** Names under which lists hold the file and its caption. */
const fileKeys = ["file", "file_name", "filename", "path", "video", "image"],
  captionKeys = ["caption", "text", "prompt"];

/** File names (as written, / for \) to captions; `where` names the list in errors. */
export function parseCaptions(text: string, where: string): Map<string, string> {
  const clean = text.replace(/^\ufeff/, "");
  const rows = /^\s*\{/.test(clean) ? jsonRows(clean, where) : csvRows(clean, where);
  const captions = new Map<string, string>();
  for (const { place, row } of rows) {
    const [file, caption] = [textUnder(row, fileKeys), textUnder(row, captionKeys)];
    if (file === undefined || caption === undefined)
      throw new InputError(`${place}: expected a file and a caption, got ${Object.keys(row).join(", ") || "nothing"}`, {
        where,
        hint: `the file stands under ${fileKeys.join(", ")}; the caption under ${captionKeys.join(", ")}`,
      });
    const name = file.replaceAll("\\", "/").replace(/^\.\//, "");
    if (captions.has(name)) throw new InputError(`${place}: ${file} is there twice`, { where });
    captions.set(name, tidy(caption));
  }
  return captions;
}

/** One line without spaces at its ends: how captions are kept wherever they come from. */
export const tidy = (caption: string): string =>
  caption
    .replace(/^\ufeff/, "")
    .replace(/\s+/g, " ")
    .trim();

type Row = Readonly<Record<string, unknown>>;

function textUnder(row: Row, keys: readonly string[]): string | undefined {
  for (const key of keys) if (typeof row[key] === "string") return row[key];
  return undefined;
}

function* jsonRows(text: string, where: string): Generator<{ place: string; row: Row }> {
  for (const [index, line] of text.split("\n").entries()) {
    if (!line.trim()) continue;
    const place = `line ${index + 1}`;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch (cause) {
      throw new InputError(`${place}: not JSON: ${(cause as Error).message}`, { where, cause });
    }
    if (typeof row !== "object" || row === null || Array.isArray(row))
      throw new InputError(`${place}: expected an object`, { where });
    yield { place, row: row as Row };
  }
}

function* csvRows(text: string, where: string): Generator<{ place: string; row: Row }> {
  const [header, ...records] = csvRecords(text, where);
  const names = header?.map((name) => name.trim().toLowerCase()) ?? [];
  for (const [index, record] of records.entries()) {
    const place = `row ${index + 2}`;
    if (record.length !== names.length)
      throw new InputError(`${place}: expected ${names.length} fields, got ${record.length}`, {
        where,
        hint: 'put captions that hold a comma in double quotes: file,"a cat, asleep"',
      });
    yield { place, row: Object.fromEntries(names.map((name, column) => [name, record[column]])) };
  }
}

/** RFC 4180: fields in double quotes may hold commas, line breaks, and quotes written twice. */
export function csvRecords(text: string, where: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [],
    field = "",
    quoted = false;
  const endRecord = () => {
    record.push(field);
    if (record.length > 1 || record[0] !== "") records.push(record);
    [record, field] = [[], ""];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') field += text[at++];
      else quoted = false;
    } else if (char === '"' && field === "") quoted = true;
    else if (char === ",") {
      record.push(field);
      field = "";
    } else if (char === "\n") endRecord();
    else if (char !== "\r") field += char;
  }
  if (quoted) throw new InputError("a double quote is opened and never closed", { where });
  endRecord();
  return records;
}
