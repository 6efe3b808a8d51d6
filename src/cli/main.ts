#!/usr/bin/env node
import { Command } from "commander";
import { addTrain } from "./train.ts";

const program = new Command("turbo2k");
addTrain(program);
await program.parseAsync();
