import { expect, test } from "vitest";
import { shardRows } from "./shards.ts";

test("a shard of large rows holds few of them", () => {
  expect(shardRows(128 * 4 * 8)).toBe(100);
  expect(shardRows(26_520 * 3072)).toBe(1); // HunyuanVideo's features of 49 frames at 960x544
  expect(shardRows(2 ** 28)).toBe(1);
});
