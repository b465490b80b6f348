import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ms } from '../../core/model/time.ts'
import { createSandboxLab, type SandboxLab, SECRET } from '../../testing/sandbox-lab.ts'
import { SANDBOX_LIMITS } from './sandbox-limits.ts'

let lab: SandboxLab
before(async () => {
  lab = await createSandboxLab()
})
after(() => lab[Symbol.asyncDispose]())

/** Each way to a file that is not granted; a way in prints what it found. */
const FILE_WAYS = `
  const [secret, outside, link] = process.argv.slice(2)
  const fs = await import('node:fs')
  const said = {}
  const attempt = async (name, way) => {
    try { said[name] = ['IN', String(await way())] } catch (error) { said[name] = error.code ?? error.name }
  }
  await attempt('read', () => fs.readFileSync(secret))
  await attempt('read of the system', () => fs.readFileSync('/etc/passwd'))
  await attempt('stream', () => new Promise((done, fail) => fs.createReadStream(secret).on('data', done).on('error', fail)))
  await attempt('promise', () => fs.promises.readFile(secret))
  await attempt('buffer as path', () => fs.readFileSync(Buffer.from(secret)))
  await attempt('a Uint8Array as path', () => fs.readFileSync(new TextEncoder().encode(secret)))
  await attempt('url as path', () => fs.readFileSync(new URL('file://' + secret)))
  await attempt('dots', () => fs.readFileSync(process.cwd() + '/../secret'))
  await attempt('dots below', () => fs.readFileSync('./../data/../secret'))
  await attempt('own link', () => { fs.symlinkSync(secret, 'link-out'); return fs.readFileSync('link-out') })
  await attempt('own link to a folder', () => { fs.symlinkSync('..', 'folder-out'); return fs.readFileSync('folder-out/secret') })
  await attempt('hard link', () => { fs.linkSync(secret, 'hard'); return fs.readFileSync('hard') })
  await attempt('copy', () => { fs.copyFileSync(secret, 'copy'); return fs.readFileSync('copy') })
  await attempt('rename', () => { fs.renameSync(secret, 'moved'); return fs.readFileSync('moved') })
  await attempt('write', () => fs.writeFileSync(outside, 'x'))
  await attempt('append', () => fs.appendFileSync(secret, 'x'))
  await attempt('remove', () => fs.rmSync(secret))
  await attempt('list', () => fs.readdirSync('..'))
  await attempt('own code', () => fs.writeFileSync(process.argv[1], 'changed'))
  await attempt('memory of itself', () => fs.readFileSync('/proc/self/maps'))
  await attempt('environment of another', () => fs.readFileSync('/proc/' + process.ppid + '/environ'))
  await attempt('cpSync', () => { fs.cpSync(secret, 'copied'); return fs.readFileSync('copied') })
  await attempt('opendir', () => fs.opendirSync('..').readSync().name)
  await attempt('openAsBlob', async () => (await fs.openAsBlob(secret)).text())
  await attempt('statfs', () => fs.statfsSync('/home').blocks)
  await attempt('glob', () => { const found = fs.globSync('/etc/pass*'); if (found.length === 0) throw new Error('nothing'); return found })
  await attempt('import', async () => (await import('file://' + secret)).default)
  await attempt('chdir', () => { process.chdir('/'); return fs.readFileSync(secret) })
  await attempt('watch', () => { fs.watch(secret).close(); return 'watched' })
  await attempt('native addon', () => process.dlopen({ exports: {} }, './x.node'))
  await attempt('native addon by require', async () => (await import(process.argv[5])).default)
  await attempt('environment file', () => { process.loadEnvFile(secret); return Object.keys(process.env) })
  console.log(JSON.stringify(said))
`

for (const isBare of [false, true]) {
  test(`a program reads and writes no file but its own, by ${isBare ? 'Node alone' : 'the best walls here'}`, async () => {
    const outside = join(lab.dataFolder, '../outside')
    const addon = await lab.write('addon.cjs', `module.exports = require('./native.node')`)
    await lab.write('native.node', 'not really')
    const { output, errors } = await lab.run(FILE_WAYS, {
      isBare,
      ending: 'mjs',
      args: [lab.secretFile, outside, 'link', addon],
    })
    const said = JSON.parse(output || '{}') as Record<string, unknown>
    assert.ok(Object.keys(said).length > 25, errors)
    assert.deepEqual(
      Object.entries(said).filter(([, answer]) => Array.isArray(answer)),
      [],
    )
    assert.equal(await readFile(lab.secretFile, 'utf8'), SECRET)
    assert.equal(existsSync(outside), false)
  })
}

test('a link that lies in the own folder and points out leads nowhere', async () => {
  const link = join(lab.dataFolder, 'given-link')
  await symlink(lab.secretFile, link)
  try {
    const source = `import { readFileSync } from 'node:fs'; console.log(readFileSync('given-link', 'utf8'))`
    const { output, end } = await lab.run(source)
    // Node alone follows it: it checks the path that is named. Only the kernel's walls have nothing behind it.
    if (lab.jail.walls === 'kernel') {
      assert.deepEqual({ output, end }, { output: '', end: { code: 1 } })
    }
  } finally {
    await rm(link)
  }
})

test('a program can signal nobody, itself neither', async () => {
  const source = `
    for (const id of [process.ppid, 0, -1, 1, Number(process.argv[2])]) {
      try { process.kill(id, 'SIGKILL'); console.log('SENT', id) } catch {}
    }
    console.log('done')
  `
  const { output, end } = await lab.run(source, { args: [String(process.pid)] })
  assert.deepEqual({ output, end }, { output: 'done\n', end: { code: 0 } })
})

test('a program that loops is killed when it does not answer, and one that runs too long when its time is over', async () => {
  const silent = await lab.run('setTimeout(() => { for (;;); }, 1)', {
    limits: { memoryMb: 128, silenceMs: 700 },
  })
  assert.match(JSON.stringify(silent.end), /"killed":"silence"/)
  const late = await lab.run('setInterval(() => {}, 1000)', { limits: { memoryMb: 128, runMs: 300 } })
  assert.match(JSON.stringify(late.end), /"killed":"time"/)
})

test('a program that eats memory is stopped, on the heap and beside it', async () => {
  const limits = { memoryMb: 64, runMs: 120_000 }
  for (const source of [
    'const kept = []; for (;;) kept.push(new Array(100_000).fill(kept))',
    'const kept = []; setInterval(() => kept.push(new Uint8Array(16 << 20).fill(1)), 20)',
    'const kept = []; for (;;) kept.push(new Uint8Array(64 << 20).fill(1))',
  ]) {
    const { end } = await lab.run(source, { limits })
    // By who watches it, by an error of its own as there is no more, or by V8, which then gives up.
    assert.match(JSON.stringify(end), /"killed":"memory"|"code":[1-9]|"SIG/, source)
  }
})

test('a program that does not want to end is made to', async () => {
  const source = `
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {})
    process.on('exit', () => { for (;;); })
    setInterval(() => {}, 1000)
    console.log('here')
  `
  await using sandbox = await lab.start(source)
  await new Promise(resolve => sandbox.output.once('data', resolve))
  const end = await sandbox.stop()
  assert.ok('killed' in end || 'code' in end)
})

test('a program that opens files without end runs into its limit', async () => {
  const source = `
    import { openSync } from 'node:fs'
    let count = 0
    try { for (;;) { openSync('file-' + (count % 3), 'w'); count++ } } catch (error) { console.log(error.code, count < 1000) }
  `
  const { output } = await lab.run(source)
  if (process.platform !== 'win32') assert.equal(output, 'EMFILE true\n')
})

test('a program that takes more of a core than it may, and answers all the while, is killed', async () => {
  let passedMs = 0
  const burns = `
    process.stdin.resume()
    const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1_000 }
    const burn = () => {
      for (const end = performance.now() + 20; performance.now() < end; );
      if (used() < 4_000) return setTimeout(burn)
      console.log('burned')
    }
    burn()
  `
  const sandbox = await lab.start(burns, {
    clock: { now: () => ms(passedMs) },
    limits: { memoryMb: 128, cpuPercent: 5, silenceMs: 10_000 },
  })
  await once(sandbox.output, 'data')
  // 4 s of a minute are more than 5 %.
  passedMs += SANDBOX_LIMITS.cpuWindowMs
  const end = await sandbox.ended
  assert.ok('killed' in end && end.killed === 'cpu', JSON.stringify(end))
  assert.match(end.says, /^it takes \d+ % of a core: 5 % are granted$/)
})
