import type { LtxVaeConfig } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";

/** Encoder and decoder together, as they are trained and stored. */
export class LtxVae {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly config: LtxVaeConfig;

  constructor(config: LtxVaeConfig) {
    this.config = config;
    this.encoder = new Encoder(config);
    this.decoder = new Decoder(config);
  }
}
