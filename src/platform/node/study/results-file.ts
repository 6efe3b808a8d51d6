/** `results.jsonl`: what a study has found so far. A line is whole or is not there. */
import { appendFile, readFile } from "node:fs/promises";
import { nameOf, type ResultLine } from "../../../study/results.ts";

export class ResultsFile {
  readonly path: string;
  readonly lines: ResultLine[];

  private constructor(path: string, lines: ResultLine[]) {
    this.path = path;
    this.lines = lines;
  }

  static async open(path: string): Promise<ResultsFile> {
    const text = await readFile(path, "utf8").catch(() => "");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    return new ResultsFile(
      path,
      whole
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as ResultLine),
    );
  }

  find(name: string): ResultLine | undefined {
    return this.lines.find((line) => nameOf(line) === name);
  }

  /** The line of this name: found before, or made now and kept. */
  async once<L extends ResultLine>(name: string, make: () => Promise<L>): Promise<L> {
    const known = this.find(name);
    if (known) return known as L;
    const line = await make();
    this.lines.push(line);
    await appendFile(this.path, `${JSON.stringify(line)}\n`);
    return line;
  }
}
