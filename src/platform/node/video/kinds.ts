/** What a file's name says that it is. */
import { extname } from "node:path";

export const videoKinds: ReadonlySet<string> = new Set([".mp4", ".mov", ".m4v", ".webm", ".mkv"]);
export const pictureKinds: ReadonlySet<string> = new Set([".png", ".jpg", ".jpeg"]);

const kindOf = (path: string): string => extname(path).toLowerCase();

export const isVideo = (path: string): boolean => videoKinds.has(kindOf(path));
export const isPicture = (path: string): boolean => pictureKinds.has(kindOf(path));
