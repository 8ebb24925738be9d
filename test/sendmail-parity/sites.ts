/**
 * All sites of the comparison, in the order in which they run.
 */
import type { SiteCases } from "./cases.ts";
import { accessSite } from "./sites/access.ts";
import { accessFeatureSites } from "./sites/access-features.ts";
import { aliasesSite } from "./sites/aliases.ts";
import { commandsSite } from "./sites/commands.ts";
import { generatedSites } from "./sites/generated.ts";
import { masqueradingSites } from "./sites/masquerading.ts";
import { protocolSite } from "./sites/protocol.ts";
import { reportsSite } from "./sites/reports.ts";
import { virtualSite } from "./sites/virtual.ts";

export function allSites(): SiteCases[] {
  return [
    protocolSite,
    accessSite,
    ...accessFeatureSites,
    virtualSite,
    aliasesSite,
    ...masqueradingSites,
    reportsSite,
    commandsSite,
    ...generatedSites(),
  ];
}
