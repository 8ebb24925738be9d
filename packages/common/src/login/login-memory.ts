/**
 * The tables of the failure file: addresses and names, each found by a keyed digest, so that nobody can choose whose place to take.
 *
 * A page has room for a few records; a new one takes an empty place, else that of the record least worth keeping: old failures
 * before bans, guessed names before those that somebody logged in to.
 */
import {
  ADDRESS_RECORD,
  type AddressRecord,
  addressWorth,
  decodeAddress,
  emptyRecord,
  encodeAddress,
  isAddressOf,
} from "./address-record.ts";
import { type FailurePages, PAGE } from "./failure-file.ts";
import { decodeName, encodeName, isNameOf, NAME_RECORD, type NameRecord, nameWorth } from "./name-record.ts";

/** Pages of addresses, four each: 16,384 addresses in 16 MiB. Page 0 is the file's head. */
const ADDRESS_PAGES = 4096;
/** Pages of names, 32 each: 32,768 names in 4 MiB. */
const NAME_PAGES = 1024;
const FIRST_ADDRESS_PAGE = 1;
const FIRST_NAME_PAGE = FIRST_ADDRESS_PAGE + ADDRESS_PAGES;

/** Both tables. Nothing here throws. */
export interface LoginMemory {
  address(network: string): AddressRecord | undefined;
  putAddress(record: AddressRecord): void;
  /** Makes a place empty. */
  dropAddress(network: string): void;
  /** Every address that is remembered. */
  addresses(): Iterable<AddressRecord>;
  name(name: string): NameRecord | undefined;
  putName(name: string, record: NameRecord): void;
  /** Digests under the file's key, 32 and 16 bits; undefined while nothing is remembered at all. */
  mark32(text: string): number | undefined;
  mark16(text: string): number | undefined;
  close(): void;
}

/** The form of one table. */
interface Table {
  readonly kind: "address" | "name";
  readonly first: number;
  readonly pages: number;
  readonly size: number;
  readonly isOf: (place: Buffer, key: Buffer) => boolean;
  readonly worth: (place: Buffer, now: number) => number;
}

const ADDRESSES: Table = {
  kind: "address",
  first: FIRST_ADDRESS_PAGE,
  pages: ADDRESS_PAGES,
  size: ADDRESS_RECORD,
  isOf: isAddressOf,
  worth: addressWorth,
};

const NAMES: Table = {
  kind: "name",
  first: FIRST_NAME_PAGE,
  pages: NAME_PAGES,
  size: NAME_RECORD,
  isOf: isNameOf,
  worth: nameWorth,
};

/** Opens the tables over the pages of a file, or of this process's memory. */
export function loginMemory(pages: FailurePages, now: () => number): LoginMemory {
  const spot = (table: Table, text: string, make: boolean) => {
    const digest = pages.digest(`${table.kind} ${text}`, make);
    if (digest === undefined) return undefined;
    return { key: digest.subarray(0, 16), page: table.first + (digest.readUInt32BE(16) % table.pages) };
  };

  const find = <T>(table: Table, text: string, decode: (place: Buffer) => T | undefined): T | undefined => {
    const at = spot(table, text, false);
    if (at === undefined) return undefined;
    // A record that another process is just writing fails its check sum once.
    for (let look = 0; look < 2; look++) {
      const page = pages.read(at.page);
      const place =
        page === undefined ? undefined : placesOf(table, page).find((one) => table.isOf(one, at.key));
      if (place === undefined) return undefined;
      const record = decode(place);
      if (record !== undefined) return record;
    }
    return undefined;
  };

  const put = (table: Table, text: string, encode: (key: Buffer) => Buffer) => {
    const at = spot(table, text, true);
    if (at === undefined) return;
    const page = pages.read(at.page) ?? Buffer.alloc(0);
    const places = placesOf(table, page);
    let best = places.findIndex((one) => table.isOf(one, at.key));
    if (best < 0 && places.length < PAGE / table.size) best = places.length;
    if (best < 0) {
      const worths = places.map((one) => table.worth(one, now()));
      best = worths.indexOf(Math.min(...worths));
    }
    pages.write(at.page, best * table.size, encode(at.key));
  };

  return {
    address: (network) => find(ADDRESSES, network, decodeAddress),
    putAddress: (record) => put(ADDRESSES, record.network, (key) => encodeAddress(key, record)),
    dropAddress(network) {
      if (find(ADDRESSES, network, decodeAddress) === undefined) return;
      put(ADDRESSES, network, (key) => encodeAddress(key, emptyRecord(network)));
    },
    *addresses() {
      for (let n = 0; n < ADDRESS_PAGES; n++) {
        const page = pages.read(FIRST_ADDRESS_PAGE + n);
        if (page === undefined) continue;
        for (const place of placesOf(ADDRESSES, page)) {
          const record = decodeAddress(place);
          if (record !== undefined) yield record;
        }
      }
    },
    name: (name) => find(NAMES, name, decodeName),
    putName: (name, record) => put(NAMES, name, (key) => encodeName(key, record)),
    mark32: (text) => pages.digest(`mark ${text}`)?.readUInt32BE(0),
    mark16: (text) => pages.digest(`mark ${text}`)?.readUInt16BE(4),
    close: () => pages.close(),
  };
}

/** The places of a page that has been read, of which the file may hold fewer than it has room for. */
function placesOf({ size }: Table, page: Buffer): Buffer[] {
  const places = Math.floor(page.length / size);
  return Array.from({ length: places }, (_, i) => page.subarray(i * size, (i + 1) * size));
}
