import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FAKE_OFFICE } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'
import { COMPLETION_SCRIPTS, type Shell } from './scripts.ts'

const MAIN = join(import.meta.dirname, '../../bin/ztm.ts')

/** A folder with `ztm` on the path, the scripts, and fake daemons behind it; an endpoint has a blank in its name. */
async function openShellLab(t: TestContext) {
  const lab = await openLab(t, startFakeDaemons)
  const { folder, daemons } = lab
  daemons.answer('agent.listEndpoints', () => ({
    endpoints: [FAKE_OFFICE, { ...FAKE_OFFICE, name: 'old laptop' }],
    total: 2,
  }))
  mkdirSync(folder.file('bin'))
  const launcher = `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${MAIN}" "$@"\n`
  writeFileSync(folder.file('bin/ztm'), launcher, { mode: 0o755 })
  for (const [shell, text] of Object.entries(COMPLETION_SCRIPTS))
    writeFileSync(folder.file(`ztm.${shell}`), text)
  return lab
}

interface ShellRun {
  readonly folder: { path: string; file(name: string): string }
  readonly input: string
}

/** Run a shell with a script. It is not waited for in this thread, which answers for the daemons. */
function runShell(shell: Exclude<Shell, 'powershell'>, { folder, input }: ShellRun): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = { bash: ['--norc', '--noprofile'], zsh: ['-f'], fish: ['--no-config'] }[shell]
    const child = spawn(shell, [...args, '-c', input], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder.path,
      env: {
        PATH: `${folder.file('bin')}:${process.env.PATH}`,
        HOME: folder.path,
        ZTM_DATA: folder.file('data'),
        LANG: 'C.UTF-8',
        TERM: 'dumb',
      },
      timeout: 20_000,
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', () => (stderr === '' ? resolve(stdout) : reject(new Error(stderr))))
  })
}

function isMissing(t: TestContext, shell: Shell): boolean {
  if (spawnSync(shell, ['--version']).error === undefined) return false
  t.skip(`no ${shell} on this computer`)
  return true
}

/** The candidates bash would show for a line, through its own variables. */
const bashInput = (line: string) => `source ./ztm.bash
COMP_LINE=${JSON.stringify(line)}
COMP_POINT=\${#COMP_LINE}
_ztm ztm ${JSON.stringify(line.split(/[ =:]/).at(-1))} ''
printf '%s\\n' "\${COMPREPLY[@]}"
`

test('the bash script offers commands, live names, files, and what follows = and :', async t => {
  if (isMissing(t, 'bash')) return
  const { folder } = await openShellLab(t)
  const complete = async (line: string) =>
    (await runShell('bash', { folder, input: bashInput(line) })).trim().split('\n')
  assert.equal(spawnSync('bash', ['-n', folder.file('ztm.bash')]).status, 0)
  assert.deepEqual(await complete('ztm tun'), ['tunnel'])
  assert.deepEqual(await complete('ztm ping ep '), ['office', 'old\\ laptop'])
  assert.deepEqual(await complete('ztm get ep --mesh=h'), ['home'])
  assert.deepEqual((await complete('ztm join m --permit ztm.b')).sort(), ['ztm.bash'])
})

test('the fish script offers commands and live names with what they are', async t => {
  if (isMissing(t, 'fish')) return
  const { folder } = await openShellLab(t)
  const complete = async (line: string) =>
    (await runShell('fish', { folder, input: `source ./ztm.fish\ncomplete -C '${line}'\n` }))
      .trim()
      .split('\n')
  assert.deepEqual(await complete('ztm tun'), ['tunnel\tTCP and UDP tunnels between endpoints'])
  assert.deepEqual(await complete('ztm ping ep '), ['office\troot, offline', 'old laptop\troot, offline'])
})

test('the zsh script offers commands and live names', async t => {
  if (isMissing(t, 'zsh')) return
  const { folder } = await openShellLab(t)
  // A terminal of zsh's own: completion there is a widget of its line editor and works nowhere else.
  const input = `zmodload zsh/zpty
zpty z zsh -f
zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; zstyle ":completion:*" list-grouped no; source ./ztm.zsh; bindkey "^I" complete-word; _done() { print -r -- "<$BUFFER>" }; zle -N _done; bindkey "^X" _done; echo ready'
zpty -r z out '*ready*ready*'
zpty -w -n z $'ztm tun\\t\\x18'
zpty -r z out '*<*>*'; print -r -- $out
zpty -w -n z $'\\x15ztm ping ep of\\t\\x18'
zpty -r z out '*<*>*'; print -r -- $out
`
  const output = await runShell('zsh', { folder, input })
  assert.equal(spawnSync('zsh', ['-n', folder.file('ztm.zsh')]).status, 0)
  assert.match(output, /<ztm tunnel ?>/)
  assert.match(output, /<ztm ping ep office ?>/)
})

test('completion gives up on a daemon that never answers within a second', async t => {
  const sockets = new Set<net.Socket>()
  const { ztm } = await openLab(t, async dataFolder => {
    const server = net.createServer(socket => sockets.add(socket)).listen(join(dataFolder, 'agent.sock'))
    return {
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy()
        server.close()
      },
    }
  })
  const startedAtMs = performance.now()
  assert.deepEqual(await ztm('__complete', 'fish', '--', 'ping', 'ep', ''), {
    code: 0,
    stdout: '',
    stderr: '',
  })
  assert.ok(performance.now() - startedAtMs < 5_000)
})

test('a name with an escape in it is not offered', async t => {
  const { ztm, daemons } = await openLab(t, startFakeDaemons)
  daemons.answer('agent.listApps', () => ({
    apps: ['ok', '\u001b]0;x\u0007'].map(name => ({ name, isBuiltin: true, isRunning: true })),
  }))
  assert.equal((await ztm('__complete', 'fish', '--', 'describe', 'app', '')).stdout, 'ok\n')
})

test('the PowerShell script asks with a dot before what is typed, which may be nothing', async t => {
  const lab = await openShellLab(t)
  const ask = (...words: string[]) =>
    runShell('bash', { folder: lab.folder, input: `ztm __complete powershell -- ${words.join(' ')}` })
  assert.match(
    COMPLETION_SCRIPTS.powershell,
    /^# PowerShell completion for ztm\nRegister-ArgumentCompleter -Native /,
  )
  assert.match(await ask('get', '.'), /^mesh\b/m)
  assert.match(await ask('.ver'), /^version\b/m)
})
