import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ms } from '../../core/model/time.ts'
import type { Host, RunningProgram, Script } from '../../sdk/app.ts'
import { BARE_JAIL, SANDBOX_PROGRAM } from '../../testing/sandbox-lab.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { createScriptRunner } from './run-script.ts'

const SCRIPT: Script = {
  source: Buffer.from("console.log('ran')"),
  language: 'mts',
  args: [],
  grants: { network: [], read: [], write: [], run: [], dial: [] },
  memoryMb: 128,
  timeoutMs: 60_000,
  needsKernelWalls: false,
  isNeverRoot: false,
}

function openRunner(folder: string) {
  const mesh = createTestMesh()
  const host = mesh.addEndpoint('here').host({ name: 'ztm/script', api: {}, start: () => assert.fail() })
  const runner = createScriptRunner({
    jail: async () => BARE_JAIL,
    program: SANDBOX_PROGRAM,
    folder,
    closedFolders: [],
    clock: { now: () => ms(Date.now()) },
  })
  return { host, runner }
}

test('where only Node keeps scripts in, those that need the kernel are refused', async () => {
  using folder = makeScratchFolder()
  const { host, runner } = openRunner(join(folder.path, 'scripts'))
  await assert.rejects(runner.run(host, { ...SCRIPT, needsKernelWalls: true }), { code: 'unsupported' })
  const running = await runner.run(host, SCRIPT)
  assert.equal(running.walls, 'node')
  assert.equal(await text(running.output), 'ran\n')
  assert.deepEqual(await running.ended, { code: 0 })
})

test('what an agent that was killed left of scripts goes before the next is run', async () => {
  using folder = makeScratchFolder()
  const scripts = join(folder.path, 'scripts')
  mkdirSync(join(scripts, 'run-old', 'code'), { recursive: true })
  writeFileSync(join(scripts, 'run-old', 'code', 'script.mts'), 'secret')
  const { host, runner } = openRunner(scripts)
  const running = await runner.run(host, SCRIPT)
  assert.equal(readdirSync(scripts).length, 1)
  await Promise.all([text(running.output), running.ended])
  assert.deepEqual(readdirSync(scripts), [])
})

test('programs that a script of somebody else runs are never run as root', async () => {
  using folder = makeScratchFolder()
  const { host, runner } = openRunner(join(folder.path, 'scripts'))
  const asked: unknown[] = []
  const watched: Host = {
    ...host,
    runProgram: (program): Promise<RunningProgram> => {
      asked.push(program.isNeverRoot)
      return host.runProgram({ ...program, isNeverRoot: false })
    },
  }
  const source = Buffer.from(
    "import { run } from 'ztm/script'; console.log((await run('echo', ['x'])).output)",
  )
  const grants = { ...SCRIPT.grants, run: ['echo'] }
  for (const isNeverRoot of [true, false]) {
    const running = await runner.run(watched, { ...SCRIPT, source, grants, isNeverRoot })
    assert.equal(await text(running.output), 'x\n\n')
  }
  assert.deepEqual(asked, [true, false])
})
