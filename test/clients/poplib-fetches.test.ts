/** Python's poplib: each of its methods against the host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";

const SCRIPT = `
import json, poplib, sys
poplib._MAXLINE = 10000 # 2048, where RFC 5322 ends lines at 1000; the message has longer ones
port, password, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def login():
    pop = poplib.POP3('127.0.0.1', port, timeout=20)
    pop.user('wang'); pop.pass_(password)
    return pop
pop = poplib.POP3('127.0.0.1', port, timeout=20)
assert pop.getwelcome().startswith(b'+OK')
capabilities = pop.capa()
for name in ('TOP', 'USER', 'UIDL', 'UTF8', 'PIPELINING', 'RESP-CODES'): assert name in capabilities, name
pop.utf8()
pop.user('wang')
try:
    pop.pass_('guess'); raise SystemExit('a wrong password was taken')
except poplib.error_proto as error:
    assert b'[AUTH]' in error.args[0], error
pop.user('wang'); pop.pass_(password)
assert pop.stat()[0] == count
octets = [int(line.split()[1]) for line in pop.list()[1]]
assert sum(octets) == pop.stat()[1]
uids = [line.split()[1] for line in pop.uidl()[1]]
assert len(set(uids)) == count
bodies = []
for number in range(1, count + 1):
    assert pop.list(number).split()[2] == str(octets[number - 1]).encode()
    assert pop.uidl(number).split()[2] == uids[number - 1]
    lines = pop.retr(number)[1]
    assert sum(len(line) + 2 for line in lines) == octets[number - 1], number
    empty = lines.index(b'')
    assert pop.top(number, 0)[1] == lines[:empty + 1]
    assert pop.top(number, 1)[1] == lines[:empty + 2]
    bodies.append(b'\\r\\n'.join(lines[empty + 1:]).decode('latin1') + '\\r\\n')
pop.dele(1); pop.noop(); pop.rset()
assert pop.stat()[0] == count
pop.close()
pop = login()
pop.dele(2)
assert pop.quit().startswith(b'+OK')
pop = login()
assert [line.split()[1] for line in pop.uidl()[1]] == uids[:1] + uids[2:]
pop.quit()
print(json.dumps(bodies))
`;

test("poplib's methods all do what they say", needs("python3"), async (t) => {
  const host = await hostWithMail(t);
  const args = ["-c", SCRIPT, String(host.pop3.port), PASSWORD, String(AWKWARD_BODIES.length)];
  const ran = await runProgram("python3", args);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), AWKWARD_BODIES);
});
