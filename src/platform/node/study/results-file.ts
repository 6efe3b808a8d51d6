/** `results.jsonl`: what a study has found so far. A line is whole or is not there. */
import { appendFile } from "node:fs/promises";
import { nameOf, type ResultLine } from "../../../study/results.ts";
import { openJsonLines } from "../files/json-lines.ts";

export class ResultsFile {
  readonly path: string;
  readonly lines: ResultLine[];

  private constructor(path: string, lines: ResultLine[]) {
    this.path = path;
    this.lines = lines;
  }

  static async open(path: string): Promise<ResultsFile> {
    return new ResultsFile(path, await openJsonLines<ResultLine>(path));
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
