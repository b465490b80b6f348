import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { createSandboxLab, type SandboxLab } from '../../testing/sandbox-lab.ts'

let lab: SandboxLab
before(async () => {
  lab = await createSandboxLab()
})
after(() => lab[Symbol.asyncDispose]())

test('a sandboxed program has arguments, stdin, stdout, stderr, a folder of its own and an exit code', async () => {
  const source = `
    import { writeFile } from 'node:fs/promises'
    const given: string[] = process.argv.slice(2)
    let typed = ''
    for await (const chunk of process.stdin) typed += chunk
    await writeFile('kept.txt', typed)
    console.log(given.join(' '), typed)
    console.error(process.cwd())
    process.exitCode = 7
  `
  const { end, output, errors } = await lab.run(source, { args: ['one', 'two'], input: 'typed' })
  assert.deepEqual(
    { end, output, errors },
    {
      end: { code: 7 },
      output: 'one two typed\n',
      errors: `${lab.dataFolder}\n`,
    },
  )
  assert.equal(await readFile(`${lab.dataFolder}/kept.txt`, 'utf8'), 'typed')
})

test('a sandboxed program has nothing of the environment of the agent', async () => {
  process.env.AGENT_TOKEN = 'secret'
  process.env.NODE_OPTIONS = '--allow-child-process'
  try {
    const { output } = await lab.run('console.log(Object.keys(process.env).sort().join(" "))')
    assert.match(output, /^HOME LANG PATH( PWD)?\n$/)
  } finally {
    delete process.env.AGENT_TOKEN
    delete process.env.NODE_OPTIONS
  }
})

test('what a sandboxed program prints arrives whole, also just before it exits', async () => {
  const source = `
    process.stdout.write('x'.repeat(3_000_000))
    process.stdout.write('end')
    process.exit(0)
  `
  const { output } = await lab.run(source)
  assert.equal(output.length, 3_000_003)
  assert.ok(output.endsWith('end'))
})

test('what a sandboxed program throws is its end', async () => {
  const thrown = await lab.run('throw new Error("out of order")')
  assert.deepEqual(thrown.end, { code: 1 })
  assert.match(thrown.errors, /Error: out of order/)
  const later = await lab.run('setTimeout(() => { throw new Error("later") }, 1)')
  assert.deepEqual(later.end, { code: 1 })
})
