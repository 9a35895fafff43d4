// Reads what to do line by line, and answers each line with one.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export async function serve(verbs) {
  for await (const line of createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    process.stdout.write(JSON.stringify(await verbs[told.do](told)) + "\n");
  }
  process.exit(0);
}

export function shown(details) {
  return {
    value: details.value,
    variant: details.variant ?? null,
    reason: details.reason,
    error: details.errorCode ?? null,
    message: details.errorMessage ?? null,
    metadata: details.flagMetadata,
  };
}

export function versions(...names) {
  return names.map((name) => {
    const path = new URL(`node_modules/${name}/package.json`, import.meta.url);
    return `${name} ${JSON.parse(readFileSync(path)).version}`;
  });
}
