/**
 * All sites of the comparison, in the order in which they run.
 */
import type { SiteCases } from "./cases.ts";
import { accessSite } from "./sites/access.ts";
import { protocolSite } from "./sites/protocol.ts";

export function allSites(): SiteCases[] {
  return [protocolSite, accessSite];
}
