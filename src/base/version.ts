/** Of this package; a constant, because a page has no package.json to read. */
export const version = "0.1.0";
