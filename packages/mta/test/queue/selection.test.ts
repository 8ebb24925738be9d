import assert from "node:assert/strict";
import test from "node:test";
import { isSelected, type QueueCondition, readSelection } from "../../src/queue/selection.ts";
import { entryOf, local, remote } from "./queue-samples.ts";

const entry = entryOf({
  sender: "Ann@Origin.example",
  recipients: [
    remote("bob@Far.example"),
    remote("done@near.example", { state: "delivered" }),
    local("eve@here"),
  ],
});

function selects(...conditions: QueueCondition[]): boolean {
  return isSelected(entry, { conditions });
}

test("each letter looks at its own part: ids by case, addresses without", () => {
  assert.ok(selects({ of: "I", text: "NqJ" }));
  assert.ok(!selects({ of: "I", text: "nqj" }));
  assert.ok(selects({ of: "S", text: "ann@origin" }));
  assert.ok(selects({ of: "R", text: "@far.EXAMPLE" }));
  assert.ok(!selects({ of: "R", text: "near" }), "what is delivered does not wait");
  assert.ok(!selects({ of: "Q", text: "" }));
  const bad = entryOf({ quarantine: "Looks Bad" });
  assert.ok(isSelected(bad, { conditions: [{ of: "Q", text: "looks" }] }));
  assert.ok(selects(), "no condition selects everything");
});

test("one letter's conditions are alternatives, different letters hold together, ! turns one round", () => {
  assert.ok(selects({ of: "R", text: "nobody" }, { of: "R", text: "eve" }));
  assert.ok(!selects({ of: "R", text: "eve" }, { of: "S", text: "nobody" }));
  assert.ok(selects({ of: "R", text: "nobody", not: true }));
  assert.ok(!selects({ of: "R", text: "eve", not: true }));
});

test("a selection that came as JSON is checked", () => {
  assert.deepEqual(readSelection(JSON.parse('{"conditions":[{"of":"R","text":"@x"}]}')), {
    conditions: [{ of: "R", text: "@x" }],
  });
  for (const wrong of [
    undefined,
    null,
    1,
    {},
    { conditions: [{ of: "X", text: "a" }] },
    { conditions: [null] },
  ]) {
    assert.equal(readSelection(wrong), undefined);
  }
});
