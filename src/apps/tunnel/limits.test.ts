import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { TUNNEL_LIMITS } from './limits.ts'

it('docs/limits.md repeats the limits of the tunnel app', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/limits.md'), 'utf8')
  const section = text.split(/^## /m).find(part => part.startsWith('Tunnel app'))
  const rows = [...(section ?? '').matchAll(/^\| `(\w+)` *\| *([\d,]+) *\|/gm)]
  const documented = Object.fromEntries(
    rows.map(([, name, value]) => [name, Number(value?.replaceAll(',', ''))]),
  )
  assert.deepEqual(documented, TUNNEL_LIMITS)
})
