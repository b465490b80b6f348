// Installs what a checkout lacks. Plain JavaScript for the machine's own Node (20 or later); everything after it
// runs on the Node that the lockfile pins. `--test` also installs the Debian packages that the tests start; `--page` builds
// the web page.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const marker = join(root, 'node_modules', '.ztm-lock')

/** Debian package -> a file or command it brings, looked for before apt is asked. */
const TEST_PACKAGES = {
  'openssh-server': '/usr/sbin/sshd',
  'openssh-client': '/usr/bin/scp',
  iperf3: '/usr/bin/iperf3',
  wrk: '/usr/bin/wrk',
  'redis-server': '/usr/bin/redis-server',
  'redis-tools': '/usr/bin/redis-benchmark',
  stunnel4: '/usr/bin/stunnel4',
  'dnsmasq-base': '/usr/sbin/dnsmasq',
  'bind9-dnsutils': '/usr/bin/dig',
  faketime: '/usr/bin/faketime',
  'nginx-light': '/usr/sbin/nginx',
  socat: '/usr/bin/socat',
  curl: '/usr/bin/curl',
  sslscan: '/usr/bin/sslscan',
  iproute2: '/sbin/ip',
  'iputils-ping': '/usr/bin/ping',
  nftables: '/usr/sbin/nft',
  conntrack: '/usr/sbin/conntrack',
  miniupnpd: '/usr/sbin/miniupnpd',
  procps: '/usr/bin/pgrep',
  asciinema: '/usr/bin/asciinema',
  zsh: '/usr/bin/zsh',
  fish: '/usr/bin/fish',
  capnproto: '/usr/bin/capnp',
  pebble: '/usr/bin/pebble',
  postgresql: '/usr/lib/postgresql/15/bin/postgres',
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/include/stdio.h',
  python3: '/usr/bin/python3',
  chromium: '/usr/bin/chromium',
  microsocks: '/usr/bin/microsocks',
  litmus: '/usr/bin/litmus',
}

// Not `npm ci`: it insists on the packages of every platform being in the lockfile, also those that the registry it
// was made with did not have. The versions are the lockfile's all the same, and it is not written.
const INSTALL = [
  'install',
  '--no-save',
  '--include=optional',
  '--include=dev',
  '--no-progress',
  '--loglevel=error',
]

function run(command, args, options = {}) {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], cwd: root, ...options }).status ?? 1
}

function installNodeParts() {
  // A second checkout of the same repository may link to the packages of the first, which looks after them.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) return
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const nodeName = process.platform === 'win32' ? 'node.cmd' : 'node'
  const isCurrent =
    existsSync(marker) &&
    readFileSync(marker, 'utf8') === lock &&
    existsSync(join(root, 'node_modules', '.bin', nodeName))
  if (isCurrent) return
  console.error('ztm: installing the pinned Node and libraries (once) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const status = run(npm, INSTALL)
  if (status !== 0) {
    console.error(
      'ztm: cannot install: `npm install` failed (see above): check that the npm registry can be reached',
    )
    process.exit(1)
  }
  if (!existsSync(join(root, 'node_modules', '.bin', nodeName))) {
    console.error(
      `ztm: cannot install: no pinned Node for ${process.platform}-${process.arch}: use Node 24 yourself`,
    )
    process.exit(1)
  }
  writeFileSync(marker, lock)
}

function installTestPackages() {
  const missing = Object.entries(TEST_PACKAGES)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name)
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`ztm: the tests need more programs; install them with:\n  sudo ${command}`)
    process.exit(1)
  }
  console.error(`ztm: installing for the tests: ${missing.join(' ')} …`)
  // policy-rc.d keeps a package from starting its own service: the tests start what they need themselves.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const install = () =>
    run('/usr/bin/apt-get', command.split(' ').slice(1).concat('-qq'), {
      env,
      stdio: ['ignore', 'ignore', 2],
    })
  if (install() !== 0) {
    run('/usr/bin/apt-get', ['update', '-qq'], { env })
    if (install() !== 0) {
      console.error(`ztm: cannot install: \`${command}\` failed (see above)`)
      process.exit(1)
    }
  }
}

function buildPage() {
  const status = run(pinnedNode, [join(root, 'scripts/build-page.mjs')], {
    shell: process.platform === 'win32',
  })
  if (status !== 0) console.error('ztm: the web page could not be built (see above): all else works')
}

const pinnedNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')

/** Run a script on the pinned Node: a shell would go on using the one it found first. */
function runPinned([script, ...args]) {
  const child = spawn(pinnedNode, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    shell: process.platform === 'win32',
  })
  // The terminal sends Ctrl-C to the whole group; a signal to this process alone is passed on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}

const args = process.argv.slice(2)
const runAt = args.indexOf('--run')
installNodeParts()
const wanted = args.slice(0, runAt === -1 ? undefined : runAt)
if (wanted.includes('--test')) installTestPackages()
if (wanted.includes('--page')) buildPage()
if (runAt !== -1) runPinned(args.slice(runAt + 1))
