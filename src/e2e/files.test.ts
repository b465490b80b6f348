import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab

/** Two endpoints of root's, `home` and `work`, and bob's `guest`. */
before(async () => {
  lab = await createTunnelLab()
  const permit = join(lab.folder, 'bob.json')
  await lab.run('home', 'invite', 'bob', '--permit', permit)
  await lab.startAgent('guest')
  await lab.run('guest', 'join', 'home', '--as', 'guest', '--permit', permit)
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

const at = (name: string) => join(lab.folder, name)
const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

interface Job {
  state: string
  keptBytes: number
  holders: { name: string; bytes: number }[]
}

test('a tree is published, found, fetched from two holders at once, and withdrawn', async () => {
  const tree = at('tree')
  mkdirSync(join(tree, 'ünder'), { recursive: true })
  writeFileSync(join(tree, 'large'), randomBytes(24_000_000))
  for (let index = 0; index < 300; index += 1)
    writeFileSync(join(tree, 'ünder', `${index}`), randomBytes(500))
  await lab.run('home', 'file', 'publish', tree, '--as', 'stuff/tree', '--tag', 'big')
  assert.match(await lab.run('work', 'file', 'ls'), /\/users\/root\/stuff\/tree\/ +24\.\d MB +301/)
  assert.equal(await lab.run('guest', 'file', 'ls', '-o', 'name'), '')
  const denied = await lab.ztm('guest', ['file', 'get', '/users/root/stuff/tree', '--to', at('stolen')])
  assert.deepEqual([denied.code, existsSync(at('stolen'))], [3, false])

  const copy = await lab.run('work', 'file', 'get', 'stuff/tree', '--to', at('copy'))
  assert.match(copy, /^Fetched stuff\/tree to .* from home: 301 files/)
  assert.equal(hashOf(at('copy/large')), hashOf(join(tree, 'large')))
  assert.equal(readdirSync(at('copy/ünder')).length, 300)

  await lab.run('home', 'file', 'share', 'stuff/tree', '--users', 'bob')
  const job = (await lab.json('guest', 'file', 'get', '/users/root/stuff/tree', '--to', at('both'))) as Job
  assert.deepEqual([job.state, job.holders.map(({ name }) => name).sort()], ['done', ['home', 'work']])
  assert.equal(hashOf(at('both/large')), hashOf(join(tree, 'large')))
  const inside = await lab.run('guest', 'file', 'ls', '/users/root/stuff/tree', '-o', 'name')
  assert.equal(inside, '/users/root/stuff/tree/large\n/users/root/stuff/tree/ünder\n')

  await lab.run('work', 'file', 'unpublish', 'stuff/tree')
  await until(
    async () => (await lab.run('guest', 'file', 'ls', '-o', 'name')) === '',
    'nobody gives it any more',
  )
  assert.ok(existsSync(join(tree, 'large')) && existsSync(at('copy/large')))
})

test('what comes on standard input is published whole, under the name that was said, and replaces nothing else', async () => {
  const own = at('downloads')
  mkdirSync(own)
  await lab.run('home', 'file', 'config', '--local-dir', own)
  const words = ['publish', 'file', 'piped/x.txt', '-i', '-']
  assert.equal((await lab.ztm('home', words, { input: 'first' })).code, 0)
  await lab.run('work', 'file', 'get', 'piped/x.txt', '--to', at('x.txt'))
  assert.equal(readFileSync(at('x.txt'), 'utf8'), 'first')
  const again = await lab.ztm('home', ['file', 'publish', '-', '--as', 'piped/x.txt'], { input: 'second' })
  assert.equal(again.code, 0, again.stderr)
  assert.equal(readFileSync(join(own, 'users/root/piped/x.txt'), 'utf8'), 'second')
  writeFileSync(join(own, 'users/root/mine'), 'mine')
  const refused = await lab.ztm('home', ['file', 'publish', '-', '--as', 'mine'], { input: 'other' })
  assert.match(refused.stderr, /is there already/)
  assert.equal(readFileSync(join(own, 'users/root/mine'), 'utf8'), 'mine')
  const out = await lab.ztm('home', ['file', 'publish', '-', '--as', '../../up'], { input: 'x' })
  assert.notEqual(out.code, 0)
  assert.match((await lab.ztm('home', ['file', 'publish', '-'], { input: 'x' })).stderr, /--as NAME/)
})

test('a download goes on where it was when its agent was killed', async () => {
  const file = at('sparse')
  writeFileSync(file, randomBytes(LENGTH))
  // Holes are neither sent nor stored.
  truncateSync(file, LENGTH * 3)
  await lab.run('home', 'file', 'publish', file, '--as', 'sparse')
  const getting = lab.ztm('work', ['file', 'get', 'sparse', '--to', at('fetched'), '--timeout', '2m'])
  const aside = () => readdirSync(lab.folder).find(name => name.startsWith('.ztm-get-'))
  await until(() => storedBytes(aside()) > LENGTH / 8, 'some of it is there')
  const agent = [...lab.daemons].find(({ name }) => name === 'work')
  await agent?.stop('SIGKILL')
  assert.notEqual((await getting).code, 0)
  assert.ok(!existsSync(at('fetched')))
  await lab.startAgent('work')
  await until(() => existsSync(at('fetched')) && aside() === undefined, 'it goes on by itself')
  const [job] = (await lab.json('work', 'file', 'jobs')) as Job[]
  assert.ok(job?.state === 'done' && (job.holders[0]?.bytes ?? 0) < LENGTH * 0.95, JSON.stringify(job))
  assert.equal(hashOf(at('fetched')), hashOf(file))
  assert.ok(storedBytes('fetched') < LENGTH * 1.5)
})

const LENGTH = 120_000_000

function storedBytes(name: string | undefined): number {
  return name === undefined ? 0 : (statSync(at(name), { throwIfNoEntry: false })?.blocks ?? 0) * 512
}
