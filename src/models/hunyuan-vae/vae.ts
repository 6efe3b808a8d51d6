import type { HunyuanVaeConfig } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";

/** Encoder and decoder together, as they are trained and stored. */
export class HunyuanVae {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly config: HunyuanVaeConfig;

  constructor(config: HunyuanVaeConfig) {
    this.config = config;
    this.encoder = new Encoder(config);
    this.decoder = new Decoder(config);
  }
}
