import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Command } from 'commander'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { COMMANDS } from './command-table.ts'
import { splitLine } from './completion/shell-words.ts'
import { createCli } from './context.ts'
import { buildProgram } from './program.ts'
import { createRecordedWorld } from './recorded-world.ts'

/** Every command with its words, read in full. */
async function allCommands(): Promise<{ words: string[]; command: Command }[]> {
  const { world } = createRecordedWorld({ folder: '/nowhere' })
  const found: { words: string[]; command: Command }[] = []
  for (const entry of COMMANDS) {
    if (entry.isHidden) continue
    const { root } = await buildProgram([entry.name], createCli(world, COMMANDS))
    const top = root.commands.find(command => command.name() === entry.name)
    const walk = (command: Command, words: string[]) => {
      found.push({ words, command })
      for (const inner of command.commands) walk(inner, [...words, inner.name()])
    }
    if (top !== undefined) walk(top, [entry.name])
  }
  return found
}

const helpOf = async (words: string[]) => {
  const { ztm } = createRecordedWorld({ folder: '/nowhere' })
  return ztm(...words, '--help')
}

const examplesIn = (text: string) => [...text.matchAll(/^ {2}\$ (.+)$/gm)].map(match => match[1] ?? '')

/** Parse an example as a shell and the program would, without running it. */
async function parseExample(line: string): Promise<void> {
  const words = splitLine(line.replace(/ [<>|] .*$/, ''))
    .words.filter(word => word !== 'sudo')
    .slice(1)
  const { world } = createRecordedWorld({ folder: '/nowhere' })
  const { root, words: parsed } = await buildProgram(words, createCli(world, COMMANDS))
  const enough = new Error('parsed')
  root.hook('preAction', () => {
    throw enough
  })
  await assert.rejects(root.parseAsync([...parsed], { from: 'user' }), enough, line)
}

test('every command has help with a summary and an example', async () => {
  for (const { words, command } of await allCommands()) {
    const { code, stdout, stderr } = await helpOf(words)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, words.join(' '))
    assert.ok((command.summary() || command.description()) !== '', `${words.join(' ')}: no summary`)
    assert.ok(examplesIn(stdout).length > 0, `${words.join(' ')}: no example`)
    assert.match(stdout, /see `ztm help`$/m)
  }
})

test('every example in the help can be parsed', async t => {
  const helps = await Promise.all((await allCommands()).map(({ words }) => helpOf(words)))
  const root = await helpOf([])
  const examples = [root, ...helps].flatMap(({ stdout }) => examplesIn(stdout))
  for (const example of examples) await parseExample(example)
  t.diagnostic(`${examples.length} examples`)
  assert.ok(examples.length > 80)
})

test('the command lines of the first use are understood as typed', async () => {
  for (const line of [
    'ztm start hub --listen 0.0.0.0:8888 --names 1.2.3.4:8888 --permit root.json',
    'ztm run hub --listen 0.0.0.0:8888 --names 1.2.3.4:8888 --permit root.json',
    'ztm start hub --names x.x.x.x:8888 --permit root.json',
    'ztm stop hub',
    'ztm start agent',
    'ztm run agent --listen 127.0.0.1:7777',
    'ztm stop agent',
    'ztm join my-mesh --as home --permit root.json',
    'ztm leave my-mesh',
    'ztm get mesh',
    'ztm get ep',
    'ztm get app',
    'ztm invite bob --identity bob.pem --permit bob.json',
    'ztm evict bob',
    'ztm mesh my-mesh get ep',
    'ztm ep my-mesh/home tunnel open outbound tcp/rdp --targets 127.0.0.1:3389',
    'ztm tunnel open inbound tcp/rdp --listen 127.0.0.1:13389 --exits home',
    'ztm tunnel get tun',
    'ztm tunnel close in tcp/rdp',
    'ztm completion bash',
    'ztm version',
  ]) {
    await parseExample(line)
  }
})

test('help is asked for in four ways, with one answer', async () => {
  const { ztm } = createRecordedWorld({ folder: '/nowhere' })
  const wanted = await ztm('tunnel', 'open', 'inbound', '--help')
  assert.match(wanted.stdout, /^Usage: ztm tunnel open inbound/)
  assert.deepEqual(await ztm('help', 'tunnel', 'open', 'inbound'), wanted)
  assert.deepEqual(await ztm('tunnel', 'help', 'open', 'inbound'), wanted)
  assert.deepEqual(await ztm('mesh', 'm', 'help', 'tunnel', 'open', 'in'), wanted)
  assert.deepEqual(await ztm('help'), await ztm('--help'))
})

test('the help lists every command that is not hidden', async () => {
  const { ztm } = createRecordedWorld({ folder: '/nowhere' })
  const { stdout } = await ztm('help')
  for (const { name, isHidden } of COMMANDS) {
    assert.equal(new RegExp(`^  ${name} `, 'm').test(stdout), isHidden !== true, name)
  }
})

test('a command of a name of its own is not taken for help', async t => {
  const folder = makeScratchFolder()
  t.after(() => folder[Symbol.dispose]())
  mkdirSync(folder.file('data'), { mode: 0o700 })
  writeFileSync(folder.file('p'), '{}')
  const { ztm } = createRecordedWorld({ folder: folder.path })
  assert.equal((await ztm('leave', 'help')).code, 5)
  assert.equal((await ztm('join', 'help', '--as', 'x', '-p', 'p')).code, 5)
})
