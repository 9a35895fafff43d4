// The OpenFeature client for servers in JavaScript, told what to ask line by line.

import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

import { serve, shown, versions } from "./lines.mjs";

await serve({
  versions: () => versions("@openfeature/ofrep-provider", "@openfeature/server-sdk"),
  async provider({ url, headers }) {
    const provider = new OFREPProvider({ baseUrl: url, headers: Object.entries(headers) });
    await OpenFeature.setProviderAndWait(provider);
    return {};
  },
  async ask({ flag, default: value, camera, attributes }) {
    const context = { ...attributes };
    if (camera !== null) context.targetingKey = camera;
    return shown(await OpenFeature.getClient().getStringDetails(flag, value, context));
  },
});
