import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureFunctions } from './measure-functions.ts'
import { blankOut } from './source-file.ts'

test('measureFunctions() counts a function without those inside it', () => {
  const text = `export function createClock(options: { start: number } = { start: 0 }): { now(): number } {
  let time = options.start
  function step(): Promise<{ at: number }> {
    time += 1
    return Promise.resolve({ at: time })
  }
  return {
    now() {
      if (time > 0) {
        step()
      }
      return time
    },
  }
}
`
  assert.deepEqual(measured(text), [
    ['createClock', 1, 7],
    ['step', 3, 4],
    ['now', 8, 6],
  ])
})

test('measureFunctions() sees methods, accessors, generators and arrow functions', () => {
  const text = `class Link {
  constructor(readonly id: number) {
    this.open()
  }
  static async *#events<T>(of: (a: T) => void): AsyncGenerator<T> {
    yield of
  }
  get state(): 'open' | { closed: true } {
    return 'open'
  }
  async [Symbol.asyncDispose](): Promise<void> {}
  handle = async (event: Event) => {
    this.open(event)
  }
}
call(
  first(1),
  second,
)
abstract class Shape {
  abstract area(): number
}
`
  assert.deepEqual(measured(text), [
    ['constructor', 2, 3],
    ['#events', 5, 3],
    ['state', 8, 3],
    ['[Symbol.asyncDispose]', 11, 1],
    ['arrow function', 12, 3],
  ])
})

function measured(text: string): [string, number, number][] {
  return measureFunctions(blankOut(text))
    .map(({ name, line, ownLines }): [string, number, number] => [name, line, ownLines])
    .sort((a, b) => a[1] - b[1])
}
