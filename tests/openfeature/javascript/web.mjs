// The OpenFeature client for browsers, told what to ask line by line.

import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { EventSource } from "eventsource";

import { serve, shown, versions } from "./lines.mjs";

// How often the provider said that what it knows may be old, and what is to be done at its next event.
let stale = 0;
let next = () => {};

function event() {
  return new Promise((resolve) => (next = resolve));
}

for (const kind of [ProviderEvents.ConfigurationChanged, ProviderEvents.Stale]) {
  OpenFeature.addHandler(kind, () => {
    if (kind === ProviderEvents.Stale) stale += 1;
    next();
  });
}

async function turnTo(camera, attributes) {
  const context = { ...attributes };
  if (camera !== null) context.targetingKey = camera;
  if (JSON.stringify(OpenFeature.getContext()) !== JSON.stringify(context)) {
    await OpenFeature.setContext(context);
  }
}

await serve({
  versions: () => versions("@openfeature/ofrep-web-provider", "@openfeature/web-sdk", "eventsource"),
  async provider({ url, headers, camera, poll_ms, hears }) {
    // Every browser has one, and the provider polls where there is none.
    globalThis.EventSource = hears ? EventSource : undefined;
    const provider = new OFREPWebProvider({
      baseUrl: url,
      headers: Object.entries(headers),
      pollInterval: poll_ms,
      cacheMode: "disabled",
    });
    const context = camera === null ? {} : { targetingKey: camera };
    try {
      await OpenFeature.setProviderAndWait(provider, context);
      return { failure: null };
    } catch (error) {
      return { failure: String(error) };
    }
  },
  async ask({ flag, default: value, camera, attributes }) {
    await turnTo(camera, attributes);
    return shown(OpenFeature.getClient().getStringDetails(flag, value));
  },
  // Waits for events until a flag has a value.
  async until({ flag, value }) {
    let events = 0;
    while (OpenFeature.getClient().getStringValue(flag, "") !== value) {
      await event();
      events += 1;
    }
    return { events };
  },
  // Waits until the provider says that what it knows may be old.
  async stale() {
    while (stale === 0) await event();
    stale = 0;
    return {};
  },
});
