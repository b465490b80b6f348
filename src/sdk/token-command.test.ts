import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ms } from '../core/model/time.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createTokenSource } from './token-command.ts'

/** A program that prints what `next` says and counts its runs. */
async function createProgram(
  folder: string,
): Promise<{ command: string; next(text: string): Promise<void>; runs(): Promise<number> }> {
  const program = join(folder, 'print-token')
  await writeFile(program, '#!/bin/sh\nprintf x >> "$1/runs"\ncat "$1/next" || exit 3\n')
  await chmod(program, 0o755)
  return {
    command: `  ${program}   ${folder} $(touch-nothing) `,
    next: text => writeFile(join(folder, 'next'), text),
    runs: async () => (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).length,
  }
}

const jwt = (exp: number) =>
  `eyJhbGciOiJFUzI1NiJ9.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.c2lnbmF0dXJl`

test('a token command is run without a shell, once in 10 s, and again a minute before the end', async () => {
  using scratch = makeScratchFolder()
  const program = await createProgram(scratch.path)
  let now = 1_000_000_000
  const source = createTokenSource({ command: program.command, now: () => ms(now) })
  await program.next(`${jwt(1_000_600)}\n`)
  assert.deepEqual(await Promise.all([source.fresh(), source.fresh()]), [jwt(1_000_600), jwt(1_000_600)])
  assert.equal(await source.fresh(), jwt(1_000_600))
  assert.equal(await program.runs(), 1)
  now += 11_000
  await program.next(jwt(1_000_700))
  assert.equal(await source.atHand(), jwt(1_000_600))
  assert.equal(await source.fresh(), jwt(1_000_700))
  now = 1_000_641_000
  await program.next(jwt(1_000_800))
  assert.equal(await source.atHand(), jwt(1_000_800))
  assert.equal(await program.runs(), 3)
})

test('a token command that fails gives the token at hand while that is good, else an error without secrets', async () => {
  using scratch = makeScratchFolder()
  const program = await createProgram(scratch.path)
  let now = 1_000_000_000
  const source = createTokenSource({ command: program.command, now: () => ms(now) })
  await program.next('SECRET but no token')
  await assert.rejects(source.fresh(), (error: Error & { reason?: string }) => {
    assert.doesNotMatch(error.message, /SECRET|touch-nothing/)
    return error.reason === 'auth-failed'
  })
  now += 11_000
  await program.next(jwt(1_000_100))
  assert.equal(await source.fresh(), jwt(1_000_100))
  now += 11_000
  await program.next('broken')
  assert.equal(await source.fresh(), jwt(1_000_100))
  now = 1_000_101_000
  await assert.rejects(source.fresh(), { reason: 'auth-failed', code: 'not-logged-in' })
})

test('a token command that is not there is told by its name', async () => {
  const source = createTokenSource({ command: '/nonexistent/login --secret abc', now: () => ms(0) })
  await assert.rejects(source.fresh(), (error: Error) => {
    assert.match(error.message, /Cannot log in: \/nonexistent\/login failed \(ENOENT\)/)
    return !error.message.includes('abc')
  })
})
