import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NaiveRegistry } from '../../testing/naive-registry.ts'
import { playRegistry } from '../../testing/registry-playbook.ts'
import { createRegistry, type RegistryLimits } from './registry.ts'

// So low that random events meet all of them.
const LIMITS: RegistryLimits = {
  maxLinks: 3,
  maxRelays: 2,
  maxOpenTicketsPerEndpoint: 3,
  maxRelaysPerEndpoint: 1,
  ticketLifeMs: 100,
}

/** One event of a story; `relay` is both halves of a ticket, of a new ticket unless `isOverLink`. `pick` chooses among the links, tickets, halves or relays that were so far, the latest first. */
interface Step {
  readonly event: 'link' | 'unlink' | 'ask' | 'present' | 'relay' | 'drop' | 'done' | 'evict' | 'tick'
  readonly who: string
  readonly whom: string
  readonly pick: number
  readonly isDialling: boolean
  readonly isOverLink: boolean
  readonly afterMs: number
}

const ENDPOINTS = ['alice', 'bob', 'carol', 'dave']
const endpoint = fc.constantFrom(...ENDPOINTS)
const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant('link' as const) },
  { weight: 6, arbitrary: fc.constant('ask' as const) },
  { weight: 10, arbitrary: fc.constant('present' as const) },
  { weight: 4, arbitrary: fc.constant('relay' as const) },
  { weight: 5, arbitrary: fc.constantFrom('unlink' as const, 'drop' as const, 'done' as const) },
  { weight: 2, arbitrary: fc.constantFrom('evict' as const, 'tick' as const) },
)
const step = (afterMs: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    event,
    who: endpoint,
    whom: endpoint,
    pick: fc.oneof(fc.nat(1), fc.nat(4), fc.nat(50)),
    isDialling: fc.boolean(),
    isOverLink: fc.boolean(),
    afterMs,
  })
/** Small spans, and one in ten times a large one. */
const mostly = (large: fc.Arbitrary<number>) =>
  fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: large })
const steps = (afterMs: fc.Arbitrary<number>) =>
  fc.array(step(afterMs), { minLength: 1, maxLength: 60, size: 'max' })

type LineEvent = Exclude<Step['event'], 'relay'>

/** The numbers and names that a story has used. */
class Story {
  now = 1_000_000
  #links = 0
  #tickets = 0
  #halves = 0
  #relays = 0

  /** The first lines: as many links as there may be. */
  begin(): string[] {
    return ENDPOINTS.slice(0, LIMITS.maxLinks).map(who => `> ${this.now} link ${++this.#links} ${who}`)
  }

  /** The next lines. */
  tell(step: Step): string[] {
    this.now += step.afterMs
    const { event } = step
    if (event !== 'relay') return [this.#line({ ...step, event })]
    const half = {
      ...step,
      event: 'present',
      pick: step.isOverLink ? step.pick : 0,
      isOverLink: false,
    } as const
    return [
      ...(step.isOverLink ? [] : [this.#line({ ...step, event: 'ask' })]),
      this.#line(half),
      this.#line({ ...half, isDialling: !step.isDialling }),
    ]
  }

  #line({ event, who, whom, pick, isDialling, isOverLink }: Step & { event: LineEvent }): string {
    const recent = (count: number) => Math.max(1, count - pick)
    const says = (...words: (string | number)[]) => `> ${this.now} ${event} ${words.join(' ')}`.trim()
    switch (event) {
      case 'link':
        return says(++this.#links, who)
      case 'unlink':
        return says(recent(this.#links))
      case 'ask':
        return says(who, whom, `T${++this.#tickets}`)
      case 'present': {
        const ticket = `T${recent(this.#tickets)}`
        const by = isOverLink ? [who] : []
        return says(++this.#halves, ticket, isDialling ? 'dial' : 'accept', ...by)
      }
      case 'drop':
        return says(recent(this.#halves))
      case 'done':
        return says(recent(this.#relays))
      case 'evict':
        return says(who, whom)
      case 'tick':
        return says()
    }
  }

  heard(answers: readonly string[]): void {
    for (const answer of answers) if (answer.startsWith('< join')) this.#relays += 1
  }

  /** Lines that end everything that ever began. */
  end(): string[] {
    const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
    const at = this.now + 1_000_000
    return [
      ...upTo(this.#links).map(link => `> ${at} unlink ${link}`),
      ...upTo(this.#halves).map(half => `> ${at} drop ${half}`),
      ...upTo(this.#relays).map(relay => `> ${at} done ${relay}`),
      `> ${at} tick`,
    ]
  }
}

function* tellAll(story: Story, given: readonly Step[]): Generator<string> {
  yield* story.begin()
  for (const next of given) yield* story.tell(next)
}

test('a registry answers as a naive one does to any events in any order', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(steps(mostly(fc.nat(120))), given => {
      const registry = createRegistry(LIMITS)
      const naive = new NaiveRegistry(LIMITS)
      const story = new Story()
      const actual: string[] = []
      const expected: string[] = []
      for (const line of tellAll(story, given)) {
        for (const said of [line, `> ${story.now} count`]) {
          const answers = naive.hear(said)
          actual.push(...playRegistry(registry, said))
          expected.push(said, ...answers)
          story.heard(answers)
          for (const answer of answers) seen.add(answer.replace(/\d+/g, '').replace(/introduce.*/, ''))
        }
      }
      assert.deepEqual(actual, expected)
    }),
    { numRuns: 2_000 },
  )
  // The stories met everything there is, or they proved little.
  const kinds = ['< close  conflict', '< close  too-many', '< close  evicted', '< refuse  bad-ticket']
  kinds.push('< refuse  timed-out', '< refuse  too-many', '< refuse  evicted', '< cut ', '< wake ')
  assert.deepEqual(
    [...kinds, '< join :  ', '! offline', '! too-many', '< send  '].filter(kind => !seen.has(kind)),
    [],
  )
})

test('a registry joins each ticket at most once, the two halves that brought it, whatever the clock does', () => {
  let joinCount = 0
  fc.assert(
    fc.property(steps(mostly(fc.integer({ min: -500, max: 500 }))), given => {
      const registry = createRegistry(LIMITS)
      const story = new Story()
      const halves = new Map<string, { ticket: string; side: string }>()
      const used = new Set<string>()
      for (const line of tellAll(story, given)) {
        const [, , event, half = '', ticket = '', side = ''] = line.split(' ')
        if (event === 'present') halves.set(half, { ticket, side })
        const answers = playRegistry(registry, line).slice(1)
        story.heard(answers)
        for (const answer of answers) {
          const join = /^< join \d+: (\d+) (\d+)$/.exec(answer)
          if (join === null) continue
          joinCount += 1
          const [dial, accept] = [halves.get(join[1] ?? ''), halves.get(join[2] ?? '')]
          const sameTicket = dial?.ticket ?? ''
          assert.deepEqual([dial?.side, accept?.side, accept?.ticket], ['dial', 'accept', sameTicket])
          assert.ok(!used.has(sameTicket), `${sameTicket} was joined before`)
          used.add(sameTicket)
        }
      }
      playRegistry(registry, story.end().join('\n'))
      assert.equal(registry.entryCount, 0)
    }),
    { numRuns: 2_000 },
  )
  assert.ok(joinCount > 100, `only ${joinCount} joins`)
})
