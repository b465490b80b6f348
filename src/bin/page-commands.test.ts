import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EDGE_FORMS, type WritableKind } from '../cli/edge/edge-forms.ts'
import { COLLECTIONS } from '../gui/controller/collections.ts'

test('every option that the web page shows of the controller is one of the command line, for the same member', () => {
  for (const [kind, { form }] of Object.entries(COLLECTIONS)) {
    // Terminators have options of their own.
    if (form === undefined || kind === 'terminator') continue
    const options = EDGE_FORMS[kind as WritableKind].options
    for (const { flag, offFlag, member } of form.fields)
      for (const shown of [flag, offFlag]) {
        if (shown === undefined) continue
        const option = options.find(({ flags }) => flags.split(/[ ,]+/).includes(shown))
        assert.equal(option?.member, member, `${kind}: ${shown}`)
      }
    assert.ok(options.length > 0)
  }
})
