/** DRAC's remote procedure calls: every reply of the protocol, every cut of a message, and nothing that ends the server. */
import assert from "node:assert/strict";
import dgram, { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { delay, systemClock } from "@mailhost/common/clock";
import { bindPort } from "@mailhost/common/daemon/bound-port";
import type { DracTable } from "@mailhost/common/drac/drac-table";
import { silentLog } from "@mailhost/common/log/log";
import fc from "fast-check";
import { answerDrac, type DracProgramParts } from "../../src/drac/drac-program.ts";
import { startDrac } from "../../src/drac/drac-rpc.ts";
import { register } from "../../src/drac/portmapper.ts";
import { marked, RecordReader } from "../../src/drac/record-marking.ts";
import { callOf, LONGEST_CALL, readResult, words } from "../../src/drac/rpc-message.ts";

const PROGRAM = 900_101;
const ADD = { xid: 7, program: PROGRAM, version: 1, procedure: 1 };
const IP = 0xc633_6407; // 198.51.100.7

function program(over: Partial<DracProgramParts> = {}) {
  const recorded: string[] = [];
  const table: DracTable = {
    record: (ip, user) => {
      if (ip === "203.0.113.1") return Promise.reject(new Error("disk full"));
      recorded.push(`${ip} ${user}`);
      return Promise.resolve();
    },
    permits: () => undefined,
    list: () => [],
    remove: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
  const drac = { enabled: true, lifetime: 1, never: [], rpcListen: [], rpcAllow: ["127.0.0.0/8", "::1"] };
  const parts: DracProgramParts = {
    settings: () => ({ drac }),
    table: () => table,
    exclusion: { never: (ip) => (ip === "203.0.113.9" ? "a proxy" : undefined), needless: () => undefined },
    log: silentLog,
    ...over,
  };
  return { recorded, parts };
}

test("version 1 takes an IPv4 address, version 2 sixteen octets, procedure 0 nothing", async () => {
  const { recorded, parts } = program();
  const ask = async (call: Buffer, caller = "127.0.0.1") =>
    (await answerDrac(call, caller, parts))?.toString("hex");
  const accepted = (...rest: number[]) => words([7, 1, 0, 0, 0, ...rest]).toString("hex");
  assert.equal(await ask(callOf(ADD, [IP])), accepted(0, 0));
  assert.equal(await ask(callOf({ ...ADD, version: 2 }, [0x2001_0db8, 0, 0, 7])), accepted(0, 0));
  assert.equal(await ask(callOf({ ...ADD, version: 2 }, [0, 0, 0xffff, IP + 1])), accepted(0, 0));
  assert.equal(await ask(callOf({ ...ADD, procedure: 0 }, [])), accepted(0));
  assert.deepEqual(recorded, [
    "198.51.100.7 rpc:127.0.0.1",
    "2001:db8:0:0:0:0:0:7 rpc:127.0.0.1",
    "198.51.100.8 rpc:127.0.0.1",
  ]);
  assert.equal(await ask(callOf(ADD, [IP]), "192.0.2.5"), accepted(0, 1), "who may not call");
  assert.equal(await ask(callOf(ADD, [0xcb00_7109])), accepted(0, 1), "who never gets it");
  assert.equal(await ask(callOf(ADD, [0xcb00_7101])), accepted(0, 2), "a table that can not be written");
  assert.equal(recorded.length, 3);
  assert.equal(await ask(callOf({ ...ADD, program: 100_003 }, [IP])), accepted(1));
  assert.equal(await ask(callOf({ ...ADD, version: 3 }, [IP])), accepted(2, 1, 2));
  assert.equal(await ask(callOf({ ...ADD, procedure: 2 }, [IP])), accepted(3));
  assert.equal(await ask(callOf(ADD, [])), accepted(4));
  assert.equal(await ask(callOf(ADD, [IP, IP])), accepted(4));
  assert.equal(await ask(callOf({ ...ADD, version: 2 }, [IP])), accepted(4));
  const old = callOf(ADD, [IP]);
  old.writeUInt32BE(3, 8);
  assert.equal(await ask(old), words([7, 1, 1, 0, 2, 2]).toString("hex"));
  const off = program({ table: () => undefined });
  assert.equal((await answerDrac(callOf(ADD, [IP]), "127.0.0.1", off.parts))?.readUInt32BE(24), 1);
});

test("credentials are skipped, whatever their length", async () => {
  const { parts } = program();
  for (const length of [0, 1, 2, 3, 4, 399, 400]) {
    const body = Buffer.alloc(Math.ceil(length / 4) * 4);
    const head = words([7, 0, 2, PROGRAM, 1, 1, 1, length]);
    const call = Buffer.concat([head, body, words([0, 0, IP])]);
    assert.equal((await answerDrac(call, "127.0.0.1", parts))?.readUInt32BE(24), 0, String(length));
  }
  const call = Buffer.concat([words([7, 0, 2, PROGRAM, 1, 1, 1, 401]), Buffer.alloc(404), words([0, 0, IP])]);
  assert.equal(await answerDrac(call, "127.0.0.1", parts), undefined);
});

test("every cut of a call, and any octets at all, are answered or dropped", async () => {
  const { parts, recorded } = program();
  const whole = callOf(ADD, [IP]);
  for (let length = 0; length < whole.length; length++) {
    const reply = await answerDrac(whole.subarray(0, length), "127.0.0.1", parts);
    assert.ok(reply === undefined || reply.readUInt32BE(20) === 4, `${length} octets`);
  }
  assert.deepEqual(recorded, []);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.nat(60), async (noise, at) => {
      await answerDrac(Buffer.from(noise), "127.0.0.1", parts);
      const bent = Buffer.concat([whole, Buffer.from(noise.subarray(0, 20))]);
      bent[at % bent.length] = noise[0] ?? 0xff;
      const reply = await answerDrac(bent, "127.0.0.1", parts);
      assert.ok(reply === undefined || (reply.length >= 20 && reply.length <= 32));
    }),
  );
});

test("records on a stream come whole however they are split, and none is longer than a call", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 12 }),
      fc.nat(89),
      (messages, sizes, cut) => {
        // Each message in two fragments, or in one.
        const stream = Buffer.concat(
          messages.map((message) => {
            const data = Buffer.from(message);
            if (cut >= data.length) return marked(data);
            return Buffer.concat([words([cut]), data.subarray(0, cut), marked(data.subarray(cut))]);
          }),
        );
        const reader = new RecordReader();
        const got: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length]! + 1;
          got.push(...(reader.take(stream.subarray(at, at + size)) ?? []));
          at += size;
        }
        assert.deepEqual(
          got.map((one) => one.toString("hex")),
          messages.map((one) => Buffer.from(one).toString("hex")),
        );
      },
    ),
  );
  assert.equal(new RecordReader().take(words([0x8000_0000 + LONGEST_CALL + 1])), undefined);
  assert.equal(
    new RecordReader().take(words([LONGEST_CALL, ...Array(LONGEST_CALL / 4).fill(1), 1])),
    undefined,
  );
  assert.equal(new RecordReader().take(Buffer.alloc(4 * (LONGEST_CALL + 2))), undefined, "empty fragments");
});

/** A port mapper that knows what it was told. */
async function portmapper(t: TestContext) {
  const known: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (data, from) => {
    const [xid, procedure] = [0, 20].map((at) => data.readUInt32BE(at));
    const mapping = [40, 44, 48, 52].map((at) => data.readUInt32BE(at));
    known.push(`${procedure === 1 ? "set" : "unset"} ${mapping.slice(0, procedure === 1 ? 4 : 2).join(" ")}`);
    socket.send(words([xid!, 1, 0, 0, 0, 0, 1]), from.port, from.address);
  });
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  t.after(() => void socket.close());
  return { known, at: { host: "127.0.0.1", port: socket.address().port, clock: systemClock } };
}

async function udpCall(socket: Socket, port: number, call: Buffer): Promise<Buffer> {
  const reply = once(socket, "message");
  socket.send(call, port, "127.0.0.1");
  return ((await reply) as [Buffer])[0];
}

test("UDP and TCP answer on inherited sockets; the port mapper is told, and told again at the end", async (t) => {
  const { recorded, parts } = program();
  const mapper = await portmapper(t);
  const [tcp, udp] = (["drac", "dracudp"] as const).map((kind) =>
    bindPort(kind, { host: "127.0.0.1", port: 0 }),
  );
  const listeners = { drac: [tcp!.fd], dracudp: [udp!.fd] };
  const rpc = await startDrac(listeners, { ...parts, clock: systemClock, portmapper: mapper.at });
  await rpc!.registered;
  const ports = [udp!.address.port, tcp!.address.port];
  const told = (version: number) => [
    `unset ${PROGRAM} ${version}`,
    `set ${PROGRAM} ${version} 17 ${ports[0]}`,
    `set ${PROGRAM} ${version} 6 ${ports[1]}`,
  ];
  assert.deepEqual(mapper.known, [...told(1), ...told(2)]);

  const client = createSocket("udp4");
  t.after(() => void client.close());
  client.send(Buffer.from("noise"), ports[0]!, "127.0.0.1");
  assert.equal(readResult(await udpCall(client, ports[0]!, callOf(ADD, [IP])), 7)?.readUInt32BE(0), 0);

  const stream = connect(ports[1]!, "127.0.0.1");
  const call = marked(callOf(ADD, [IP + 1]));
  for (const octet of Buffer.concat([call, call])) stream.write(Buffer.from([octet]));
  let got = Buffer.alloc(0);
  for await (const piece of stream) {
    got = Buffer.concat([got, piece as Buffer]);
    if (got.length >= 64) break;
  }
  assert.equal(got.length, 64);
  assert.equal(readResult(got.subarray(4, 32), 7)?.readUInt32BE(0), 0);
  const noise = connect(ports[1]!, "127.0.0.1");
  noise.write("GET / HTTP/1.0\r\n\r\n");
  noise.resume();
  await once(noise, "close");
  assert.equal(recorded.length, 3);
  await rpc!.stop();
  assert.deepEqual(mapper.known.slice(6), [`unset ${PROGRAM} 1`, `unset ${PROGRAM} 2`]);
});

test("who does not read the answers is not read from, and gets them all in the end", async (t) => {
  const { parts } = program();
  let asked = 0;
  const settings = () => {
    asked++;
    return parts.settings();
  };
  const counting = { ...parts, settings };
  const tcp = bindPort("drac", { host: "127.0.0.1", port: 0 });
  const mapper = await portmapper(t);
  const rpc = await startDrac({ drac: [tcp.fd] }, { ...counting, clock: systemClock, portmapper: mapper.at });
  t.after(() => rpc!.stop());
  await rpc!.registered;
  const stream = connect(tcp.address.port, "127.0.0.1");
  await once(stream, "connect");
  const calls = 150_000;
  const batch = Buffer.concat(Array<Buffer>(1000).fill(marked(callOf(ADD, [IP]))));
  for (let sent = 0; sent < calls; sent += 1000) stream.write(batch);
  // It stands still: none is answered within a while of those that were sent.
  for (let before = -1; before !== asked || asked === 0; await delay(systemClock, 200)) before = asked;
  assert.ok(asked < calls, `${asked} of ${calls} were answered to nobody`);
  let got = 0;
  for await (const piece of stream) {
    got += (piece as Buffer).length;
    if (got >= calls * 32) break;
  }
  assert.equal(got, calls * 32);
  assert.equal(asked, calls);
});

test("a datagram that can not be answered, and one whose answer comes too late, end nothing", async (t) => {
  let reached = 0;
  let answerNow = () => {};
  const late = new Promise<void>((done) => {
    answerNow = done;
  });
  const { parts } = program({
    table: () => ({
      record: () => {
        reached++;
        return late;
      },
      permits: () => undefined,
      list: () => [],
      remove: () => Promise.resolve(false),
      close: () => Promise.resolve(),
    }),
  });
  const mapper = await portmapper(t);
  const udp = bindPort("dracudp", { host: "127.0.0.1", port: 0 });
  const sockets: Socket[] = [];
  const made = dgram.createSocket;
  t.mock.method(dgram, "createSocket", (...args: Parameters<typeof made>) => {
    const socket = made(...args);
    sockets.push(socket);
    return socket;
  });
  syncBuiltinESMExports();
  const rpc = await startDrac({ dracudp: [udp.fd] }, { ...parts, clock: systemClock, portmapper: mapper.at });
  await rpc!.registered;
  t.mock.restoreAll();
  syncBuiltinESMExports();
  const server = sockets.find((socket) => socket.eventNames().includes("message"))!;
  const from = { address: "127.0.0.1", family: "IPv4", size: 40 };
  server.emit("message", callOf(ADD, [IP]), { ...from, port: 0 });
  server.emit("message", callOf(ADD, [IP]), { ...from, port: udp.address.port });
  await rpc!.stop();
  answerNow();
  // Whatever is thrown behind a promise ends the test here.
  await new Promise((done) => setImmediate(done));
  assert.equal(reached, 1, "port 0 wants no answer");
});

test("a port mapper that no way leads to has not registered anything", async () => {
  // Broadcasts are for those who ask for them: connecting fails at once.
  const mapper = { host: "255.255.255.255", port: 111, clock: systemClock };
  assert.equal(await register(mapper, { program: PROGRAM, version: 1, protocol: "udp", port: 1 }), false);
});
