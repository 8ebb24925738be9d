/**
 * ClientHellos made by hand (RFC 5246 section 7.4.1.2): today's libraries cannot ask any more for what must be refused.
 */

/** What a hello asks for. */
export interface Hello {
  /** As on the wire: 0x0300 is SSL 3, 0x0301 to 0x0303 are TLS 1.0 to 1.2. */
  readonly version: number;
  /** Cipher suites by number. */
  readonly ciphers: readonly number[];
}

const u16 = (n: number) => Buffer.from([n >> 8, n & 255]);
const sized = (content: Buffer) => Buffer.concat([u16(content.length), content]);
const extension = (type: number, content: Buffer) => Buffer.concat([u16(type), sized(content)]);

/** One record with the hello in it. */
export function clientHello({ version, ciphers }: Hello): Buffer {
  const extensions = Buffer.concat([
    // supported_groups: P-256 and P-384; ec_point_formats: uncompressed.
    extension(10, sized(Buffer.concat([u16(23), u16(24)]))),
    extension(11, Buffer.from([1, 0])),
    // signature_algorithms: ECDSA and RSA, with SHA-256 and SHA-1.
    extension(13, sized(Buffer.concat([0x0403, 0x0401, 0x0804, 0x0203, 0x0201].map(u16)))),
  ]);
  const body = Buffer.concat([
    u16(version),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    sized(Buffer.concat(ciphers.map(u16))),
    Buffer.from([1, 0]),
    sized(extensions),
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, version === 0x0300 ? 0 : 1]), sized(handshake)]);
}
