import { type RoleSelector, type RoleSubject, selects } from './role-match.ts'

/** Subjects that the same rules select. Kept as long as one of them was asked about and has not changed since. */
export interface RoleCircle<Rule> {
  readonly rules: ReadonlySet<Rule>
}

/**
 * Who is selected by which rules, without asking each of each.
 *
 * Answers are kept for each subject until it, or a rule that selects it, changes. `Rule` is known by its identity as an
 * object: to change one, remove it and put another.
 */
export interface RoleIndex<Rule> {
  /** Add a subject, or put it in the place of the one with its id. */
  putSubject(subject: RoleSubject): void
  removeSubject(id: string): void
  putRule(rule: Rule, selector: RoleSelector): void
  removeRule(rule: Rule): void
  /** The rules that select a subject, shared by all that have the same; undefined for an unknown subject. */
  circleOf(subjectId: string): RoleCircle<Rule> | undefined
  /** The circles that are kept and have one of these rules, each once. */
  circlesWith(rules: Iterable<Rule>): ReadonlySet<RoleCircle<Rule>>
  /** Ids of the subjects that a rule selects, each once, in no order. */
  subjectsOf(rule: Rule): Iterable<string>
}

/** An index with nothing in it. */
export function createRoleIndex<Rule extends object>(): RoleIndex<Rule> {
  const subjects = new Map<string, RoleSubject>()
  const subjectsById = createSetMap<string, string>()
  const subjectsByAttribute = createSetMap<string, string>()
  const selectors = new Map<Rule, RoleSelector>()
  const rulesForAll = new Set<Rule>()
  const rulesById = createSetMap<string, Rule>()
  const rulesByAttribute = createSetMap<string, Rule>()
  const circles = createCircles<Rule>()

  function indexSubject(subject: RoleSubject, change: 'add' | 'delete'): void {
    for (const id of [subject.id, ...subject.ids]) subjectsById[change](id, subject.id)
    for (const attribute of subject.attributes) subjectsByAttribute[change](attribute, subject.id)
    circles.leave(subject.id)
  }

  function indexRule(rule: Rule, selector: RoleSelector, change: 'add' | 'delete'): void {
    if (selector.isForAll) rulesForAll[change](rule)
    for (const id of selector.ids) rulesById[change](id, rule)
    for (const attribute of keyAttributes(selector)) rulesByAttribute[change](attribute, rule)
    for (const id of findSubjects(selector)) circles.leave(id)
  }

  function* findSubjects(selector: RoleSelector): Iterable<string> {
    if (selector.isForAll) return yield* subjects.keys()
    const candidates = new Set<string>()
    for (const id of selector.ids) for (const subject of subjectsById.get(id)) candidates.add(subject)
    for (const attribute of keyAttributes(selector))
      for (const subject of subjectsByAttribute.get(attribute)) candidates.add(subject)
    for (const id of candidates) if (selects(selector, subjects.get(id) as RoleSubject)) yield id
  }

  function findRules(subject: RoleSubject): Set<Rule> {
    const found = new Set(rulesForAll)
    for (const id of [subject.id, ...subject.ids]) for (const rule of rulesById.get(id)) found.add(rule)
    for (const attribute of subject.attributes)
      for (const rule of rulesByAttribute.get(attribute))
        if (selects(selectors.get(rule) as RoleSelector, subject)) found.add(rule)
    return found
  }

  return {
    putSubject(subject) {
      const previous = subjects.get(subject.id)
      if (previous !== undefined) indexSubject(previous, 'delete')
      subjects.set(subject.id, subject)
      indexSubject(subject, 'add')
    },
    removeSubject(id) {
      const previous = subjects.get(id)
      if (previous === undefined) return
      indexSubject(previous, 'delete')
      subjects.delete(id)
    },
    putRule(rule, selector) {
      selectors.set(rule, selector)
      indexRule(rule, selector, 'add')
    },
    removeRule(rule) {
      const selector = selectors.get(rule)
      if (selector === undefined) return
      indexRule(rule, selector, 'delete')
      selectors.delete(rule)
    },
    circleOf(subjectId) {
      const subject = subjects.get(subjectId)
      if (subject === undefined) return undefined
      return circles.of(subjectId) ?? circles.enter(subjectId, findRules(subject))
    },
    circlesWith: circles.with,
    *subjectsOf(rule) {
      const selector = selectors.get(rule)
      if (selector !== undefined) yield* findSubjects(selector)
    },
  }
}

/** Under which attributes a rule is found; of AllOf the first will do: who lacks it is not selected. */
function keyAttributes({ attributes, semantic }: RoleSelector): readonly string[] {
  return semantic === 'AnyOf' ? attributes : attributes.slice(0, 1)
}

interface CountedCircle<Rule> extends RoleCircle<Rule> {
  readonly key: string
  memberCount: number
}

/** The circles that there are. A subject enters one when it is asked about, and leaves it when its rules may change. */
function createCircles<Rule extends object>() {
  const numbers = new WeakMap<Rule, number>()
  const byKey = new Map<string, CountedCircle<Rule>>()
  const byRule = createSetMap<Rule, CountedCircle<Rule>>()
  const bySubject = new Map<string, CountedCircle<Rule>>()
  let lastNumber = 0

  function numberOf(rule: Rule): number {
    const known = numbers.get(rule)
    if (known !== undefined) return known
    lastNumber += 1
    numbers.set(rule, lastNumber)
    return lastNumber
  }

  return {
    of: (subjectId: string) => bySubject.get(subjectId),
    enter(subjectId: string, rules: ReadonlySet<Rule>): RoleCircle<Rule> {
      const key = Array.from(rules, numberOf)
        .sort((a, b) => a - b)
        .join()
      let circle = byKey.get(key)
      if (circle === undefined) {
        circle = { key, rules, memberCount: 0 }
        byKey.set(key, circle)
        for (const rule of rules) byRule.add(rule, circle)
      }
      circle.memberCount += 1
      bySubject.set(subjectId, circle)
      return circle
    },
    leave(subjectId: string): void {
      const circle = bySubject.get(subjectId)
      if (circle === undefined) return
      bySubject.delete(subjectId)
      circle.memberCount -= 1
      if (circle.memberCount > 0) return
      byKey.delete(circle.key)
      for (const rule of circle.rules) byRule.delete(rule, circle)
    },
    with(rules: Iterable<Rule>): ReadonlySet<RoleCircle<Rule>> {
      const found = new Set<RoleCircle<Rule>>()
      for (const rule of rules) for (const circle of byRule.get(rule)) found.add(circle)
      return found
    },
  }
}

/** Sets by a key; a key without members takes no room. */
function createSetMap<K, T>() {
  const sets = new Map<K, Set<T>>()
  const none: ReadonlySet<T> = new Set()
  return {
    get: (key: K): ReadonlySet<T> => sets.get(key) ?? none,
    add(key: K, member: T): void {
      const set = sets.get(key)
      if (set === undefined) sets.set(key, new Set([member]))
      else set.add(member)
    },
    delete(key: K, member: T): void {
      const set = sets.get(key)
      if (set?.delete(member) === true && set.size === 0) sets.delete(key)
    },
  }
}
