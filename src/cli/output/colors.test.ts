import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCli } from '../context.ts'
import { createRecordedWorld } from '../recorded-world.ts'
import { painter, plain } from './colors.ts'

test('painter() colours a terminal only, and not where it is forbidden', () => {
  const cli = (isTerminal: boolean, env = {}, color = true) => {
    const { world } = createRecordedWorld({ folder: '/nowhere', isTerminal, env })
    return { ...createCli(world, []), options: { output: 'table' as const, color } }
  }
  assert.equal(painter(cli(true))('bad', 'x'), '\u001b[31mx\u001b[0m')
  assert.equal(painter(cli(false)), plain)
  assert.equal(painter(cli(true, { NO_COLOR: '1' })), plain)
  assert.equal(painter(cli(true, { TERM: 'dumb' })), plain)
  assert.equal(painter(cli(true, {}, false)), plain)
})
