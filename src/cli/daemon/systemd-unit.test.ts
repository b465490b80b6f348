import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import type { DaemonRole, Scope, ServicePlan } from './plan.ts'
import { formatSystemdUnit, quoteExecWord } from './systemd-unit.ts'

function planOf(role: DaemonRole, part: Partial<ServicePlan> = {}): ServicePlan {
  return {
    role,
    program: ['/opt/ztm/bin/node', '/opt/ztm/dist/ztm.mjs'],
    options: [],
    dataFolder: '/home/ann/.ztm',
    owner: { name: 'ann', uid: 1000, gid: 1000, homeFolder: '/home/ann' },
    ...part,
  }
}

function valuesOf(unit: string, key: string): string[] {
  return unit
    .split('\n')
    .filter(line => line.startsWith(`${key}=`))
    .map(line => line.slice(key.length + 1))
}

/** Words with everything that means something to systemd. */
const words = fc.array(
  fc.oneof(
    fc.string({ unit: fc.constantFrom(...' "\'\\$%{};#:=a/é|&*~\u3042'), maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 12 }).filter(text => !/[\p{Cc}]/u.test(text)),
  ),
  { minLength: 1, maxLength: 6 },
)

test('formatSystemdUnit() writes a system unit that runs as its owner from boot', () => {
  const unit = formatSystemdUnit(planOf('agent', { options: ['--listen', 'off'] }), 'system')
  assert.deepEqual(
    ['Type', 'ExecStart', 'User', 'WantedBy', 'BindPaths', 'ProtectHome', 'PrivateTmp'].map(key =>
      valuesOf(unit, key),
    ),
    [
      ['exec'],
      ['/opt/ztm/bin/node /opt/ztm/dist/ztm.mjs run agent --data /home/ann/.ztm --listen off'],
      ['ann'],
      ['multi-user.target'],
      ['/home/ann/.ztm'],
      ['tmpfs'],
      [],
    ],
  )
})

test('formatSystemdUnit() leaves an agent of a user the rights of its user', () => {
  const unit = formatSystemdUnit(planOf('agent'), 'user')
  assert.deepEqual(valuesOf(unit, 'WantedBy'), ['default.target'])
  assert.equal(/^(?:User|Protect\w+|Private\w+|NoNewPrivileges|SystemCall\w+)=/m.test(unit), false)
  assert.deepEqual(valuesOf(formatSystemdUnit(planOf('hub'), 'user'), 'NoNewPrivileges'), ['yes'])
})

test('formatSystemdUnit() shows a walled program no more of a home than its own files', () => {
  const shownFor = (program: string[]) =>
    valuesOf(formatSystemdUnit(planOf('agent', { program }), 'system'), 'BindReadOnlyPaths')
  const home = '/home/ann'
  assert.deepEqual(shownFor(['/opt/ztm/ztm']), [])
  assert.deepEqual(shownFor([`${home}/bin/ztm`]), ['/home/ann/bin/ztm'])
  assert.deepEqual(shownFor([`${home}/z/node_modules/n/bin/node`, `${home}/z/src/bin/ztm.ts`]), [
    '/home/ann/z',
  ])
  assert.deepEqual(shownFor([`${home}/.nvm/bin/node`, `${home}/my z/dist/ztm.mjs`]), [
    '/home/ann/.nvm/bin/node "/home/ann/my z"',
  ])
})

test('formatSystemdUnit() opens low ports, and the walls, only when asked', () => {
  const walls = (part: Partial<ServicePlan>) => {
    const unit = formatSystemdUnit(planOf('hub', part), 'system')
    return ['ProtectSystem', 'AmbientCapabilities', 'PrivateUsers'].map(key => valuesOf(unit, key))
  }
  assert.deepEqual(walls({}), [['strict'], [], ['yes']])
  assert.deepEqual(walls({ needsLowPorts: true }), [['strict'], ['CAP_NET_BIND_SERVICE'], []])
  assert.deepEqual(walls({ reach: 'open' }), [[], [], []])
  assert.deepEqual(walls({ reach: 'open', needsLowPorts: true }), [[], ['CAP_NET_BIND_SERVICE'], []])
})

test('formatSystemdUnit() refuses a program whose path systemd does not take', () => {
  for (const program of ['/opt/a"b', "/opt/a'b", '/opt/a\\b']) {
    assert.throws(() => formatSystemdUnit(planOf('hub', { program: [program] }), 'system'), {
      code: 'bad-input',
    })
  }
})

test('quoteExecWord() is read back as the same words, whatever is in them', () => {
  fc.assert(
    fc.property(words, list => {
      assert.deepEqual(readExecStart(list.map(quoteExecWord).join(' ')), list)
    }),
    { numRuns: 2_000 },
  )
})

test("formatSystemdUnit() is understood by systemd's own parser", t => {
  const systemd = '/lib/systemd/systemd'
  if (!existsSync(systemd)) return t.skip('no systemd on this machine')
  using folder = makeScratchFolder()
  const lists = fc.sample(words, { numRuns: 60, seed: 7 })
  const paths = ['/srv/a b', '/srv/100%', '/srv/"q"', '/srv/c\\d', "/srv/it's: x"]
  const units = lists.map((options, index) =>
    formatSystemdUnit(
      planOf('agent', {
        options,
        program: ['/opt/a $b% c/node'],
        dataFolder: paths[index % paths.length] ?? '',
      }),
      'system',
    ),
  )
  const dump = parseWithSystemd(systemd, folder.path, units)
  if (dump === undefined) return t.skip('this systemd has no test mode that runs here')
  for (const [index, options] of lists.entries()) {
    const path = paths[index % paths.length] ?? ''
    const parsed: Parsed | undefined = dump[index]
    const expected = ['/opt/a $b% c/node', 'run', 'agent', '--data', path, ...options]
    // Variables are put in later, when the program starts.
    const started: string[] | undefined = parsed?.commandLine.map((word, at) =>
      at === 0 ? word : word.replaceAll('$$', '$'),
    )
    assert.deepEqual(started, expected)
    assert.equal(parsed?.bindPaths, `${path}:${path}`)
  }
})

const EXPOSURES: [string, ServicePlan][] = [
  ['hub', planOf('hub')],
  ['agent', planOf('agent')],
  ['hub on port 443', planOf('hub', { needsLowPorts: true })],
  ['agent of root', planOf('agent', { owner: { name: 'root', uid: 0, gid: 0, homeFolder: '/srv' } })],
]

for (const [name, plan] of EXPOSURES) {
  test(`formatSystemdUnit() of a system ${name} exposes 2.0 or less`, t => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0)
      return t.skip('no systemd-analyze on this machine')
    using folder = makeScratchFolder()
    const file = join(folder.path, `ztm-${plan.role}.service`)
    writeFileSync(file, formatSystemdUnit(plan, 'system'))
    const { stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', '--threshold=20', file],
      { encoding: 'utf8' },
    )
    const exposure = /exposure level for .*: ([\d.]+)/.exec(stdout)?.[1]
    t.diagnostic(`${name}: exposure ${exposure}`)
    assert.ok(Number(exposure) <= 2, stdout || stderr)
  })
}

for (const scope of ['system', 'user'] satisfies Scope[]) {
  test(`formatSystemdUnit() for ${scope} has no line that systemd does not know`, t => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0)
      return t.skip('no systemd-analyze on this machine')
    using folder = makeScratchFolder()
    const files = (['hub', 'agent'] as const).map(role => {
      const file = join(folder.path, `ztm-${role}.service`)
      const part = { program: [process.execPath], owner: { name: 'root', homeFolder: '/srv' } }
      writeFileSync(file, formatSystemdUnit(planOf(role, part), scope))
      return file
    })
    const { stderr } = spawnSync('systemd-analyze', [`--${scope}`, 'verify', '--man=no', ...files], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning', XDG_RUNTIME_DIR: folder.path },
    })
    const complaints = stderr
      .split('\n')
      .filter(line => line.includes('/ztm-') && !/'Restart(?:Steps|MaxDelaySec)'/.test(line))
    assert.deepEqual(complaints, [])
  })
}

/** systemd.syntax(7) and systemd.service(5), "Command lines": quotes, C escapes, specifiers, variables. */
function readExecStart(line: string): string[] {
  const found: string[] = []
  for (const [token] of line.matchAll(/"(?:\\.|[^"\\])*"|[^\s"]+/gsu)) {
    const isQuoted = token.startsWith('"')
    const inside = isQuoted ? token.slice(1, -1).replace(/\\(["\\])/g, '$1') : token
    assert.equal(isQuoted || !/['\\;]/.test(token), true)
    const specified = inside.replaceAll('%%', '\u0000')
    assert.equal(specified.includes('%'), false)
    const dollars = specified.replaceAll('$$', '\u0001')
    assert.equal(dollars.includes('$'), false)
    found.push(dollars.replaceAll('\u0000', '%').replaceAll('\u0001', '$'))
  }
  return found
}

interface Parsed {
  readonly commandLine: string[]
  readonly bindPaths: string
}

/** Let a user's systemd load units without starting any, and read what it understood. */
function parseWithSystemd(systemd: string, folder: string, units: readonly string[]): Parsed[] | undefined {
  const unitFolder = join(folder, 'units')
  const runFolder = join(folder, 'run')
  mkdirSync(unitFolder)
  mkdirSync(runFolder)
  const names = units.map((_, index) => `t${index}.service`)
  for (const [index, unit] of units.entries()) writeFileSync(join(unitFolder, `t${index}.service`), unit)
  writeFileSync(join(unitFolder, 'default.target'), `[Unit]\nWants=${names.join(' ')}\n`)
  // Systemd refuses root here.
  for (const path of [folder, unitFolder]) chmodSync(path, 0o755)
  chmodSync(runFolder, 0o777)
  const isRoot = process.getuid?.() === 0
  const { status, stdout } = spawnSync(systemd, ['--test', '--user', '--unit=default.target', '--no-pager'], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      HOME: runFolder,
      XDG_RUNTIME_DIR: runFolder,
      SYSTEMD_UNIT_PATH: unitFolder,
    },
    maxBuffer: 50_000_000,
    timeout: 30_000,
    ...(isRoot && { uid: 65_534, gid: 65_534 }),
  })
  if (status !== 0) return undefined
  const sections = stdout.split('-> Unit ')
  return names.map(name => {
    const section = sections.find(text => text.startsWith(`${name}:`)) ?? ''
    const commandLine = /Command Line: (.*)/.exec(section)?.[1] ?? ''
    const bindPaths = /BindPaths: (.*?)(?::rbind|:norbind|$)/m.exec(section)?.[1] ?? ''
    return { commandLine: readShellWords(commandLine), bindPaths }
  })
}

/** How systemd prints a command line: as for a shell, with C escapes in double quotes. */
function readShellWords(line: string): string[] {
  return [...line.matchAll(/"((?:\\.|[^"\\])*)"|\S+/g)].map(([token, inside]) =>
    inside === undefined
      ? token
      : Buffer.from(
          inside.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, character: string) =>
            hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16)),
          ),
        ).toString(),
  )
}
