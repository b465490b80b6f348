import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import fc from 'fast-check'
import { MeshError } from '../core/model/errors.ts'
import { addGlobalOptions } from './global-options.ts'
import { operandIndex, parseEndpointWord, takePrefix } from './prefix.ts'

function root(): Command {
  const command = new Command('ztm')
  addGlobalOptions(command)
  return command
}

const take = (line: string) => takePrefix(root(), line.split(' ').filter(Boolean))

test('takePrefix() takes mesh and endpoint off the front, also behind options', () => {
  assert.deepEqual(take('get ep'), { prefix: {}, rest: ['get', 'ep'] })
  assert.deepEqual(take('mesh m get ep'), { prefix: { mesh: 'm' }, rest: ['get', 'ep'] })
  assert.deepEqual(take('ep m/e label'), { prefix: { mesh: 'm', endpoint: 'e' }, rest: ['label'] })
  assert.deepEqual(take('endpoint /e label'), { prefix: { endpoint: 'e' }, rest: ['label'] })
  assert.deepEqual(take('mesh m ep e label'), { prefix: { mesh: 'm', endpoint: 'e' }, rest: ['label'] })
  assert.deepEqual(take('--data mesh -q -o json mesh m get ep'), {
    prefix: { mesh: 'm' },
    rest: ['--data', 'mesh', '-q', '-o', 'json', 'get', 'ep'],
  })
  assert.deepEqual(take('--data=x mesh m get'), { prefix: { mesh: 'm' }, rest: ['--data=x', 'get'] })
})

test('takePrefix() leaves words that only look like a prefix', () => {
  assert.deepEqual(take('get mesh m'), { prefix: {}, rest: ['get', 'mesh', 'm'] })
  assert.deepEqual(take('ping ep e'), { prefix: {}, rest: ['ping', 'ep', 'e'] })
  assert.deepEqual(take('mesh mesh get'), { prefix: { mesh: 'mesh' }, rest: ['get'] })
})

test('takePrefix() refuses a prefix without a name, and two meshes', () => {
  for (const line of ['mesh', 'ep', 'mesh --data x', 'ep m/', 'ep a/b/c get', 'mesh a ep b/c get']) {
    assert.throws(() => take(line), { code: 'bad-usage' }, line)
  }
})

test('operandIndex() steps over options and their values', () => {
  assert.equal(operandIndex(root(), ['get']), 0)
  assert.equal(operandIndex(root(), ['-q', '--data', 'x', 'get']), 3)
  assert.equal(operandIndex(root(), ['--data']), 1)
  assert.equal(operandIndex(root(), ['-']), 0)
  assert.equal(operandIndex(root(), ['--', '-x']), 1)
})

test('takePrefix() gives back every word but those of the prefix, whatever they are', () => {
  const words = fc.array(
    fc.oneof(fc.string(), fc.constantFrom('mesh', 'ep', 'm/e', '--data', '-q', '--', 'get')),
  )
  fc.assert(
    fc.property(words, typed => {
      try {
        const { rest } = takePrefix(root(), typed)
        assert.ok(rest.length <= typed.length && (typed.length - rest.length) % 2 === 0)
      } catch (thrown) {
        assert.ok(thrown instanceof MeshError && thrown.code === 'bad-usage')
      }
    }),
  )
})

test('parseEndpointWord() reads mesh and endpoint', () => {
  assert.deepEqual(parseEndpointWord('e'), { endpoint: 'e' })
  assert.deepEqual(parseEndpointWord('m/e'), { mesh: 'm', endpoint: 'e' })
  assert.throws(() => parseEndpointWord(''), { code: 'bad-usage' })
})
