import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseGatewayConfig } from './config-file.ts'

const root = join(import.meta.dirname, '../..')

test('every example of a configuration in the documents is a good one', () => {
  const examples = ['docs/gateway.md', 'README.md'].flatMap(document =>
    [...readFileSync(join(root, document), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms)].map(
      ([, text = '']) => text,
    ),
  )
  const ours = examples.filter(text => /^listeners:/m.test(text))
  assert.ok(ours.length > 6)
  for (const text of ours) parseGatewayConfig(text)
})
