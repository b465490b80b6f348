import { posix } from 'node:path'
import { measureFunctions } from './measure-functions.ts'
import { lineAt, type SourceFile } from './source-file.ts'

/** Files that are too long: each is the easy place to add one more line. */
export function findLongFiles(files: readonly SourceFile[], maxLines: number): string[] {
  return files.flatMap(({ path, text }) => {
    const count = text.split('\n').length - 1
    return count > maxLines
      ? [`${path}: ${count} lines, over ${maxLines}: give a part its own name and file`]
      : []
  })
}

/** Functions of the program (not of tests) that are too long, by their own lines. */
export function findLongFunctions(files: readonly SourceFile[], maxLines: number): string[] {
  return files
    .filter(file => !file.isTest)
    .flatMap(file =>
      measureFunctions(file.code)
        .filter(({ ownLines }) => ownLines > maxLines)
        .map(
          ({ name, line, ownLines }) =>
            `${file.path}:${line}: ${name}: ${ownLines} lines of its own, over ${maxLines}: name its steps`,
        ),
    )
}

/**
 * What the pure rooms may not touch: the host, the clock, chance.
 *
 * @param files  of the pure rooms
 */
export function findImpurities(files: readonly SourceFile[]): string[] {
  const advice = 'take it as an argument (`now`, `random`, a function), or return an action'
  return files
    .filter(file => !file.isTest)
    .flatMap(file => [
      ...file.imports
        .filter(({ specifier }) => !specifier.startsWith('.') && !PURE_PACKAGES.test(specifier))
        .map(({ specifier, line }) => `${file.path}:${line}: core imports ${specifier}: ${advice}`),
      ...[...file.code.matchAll(IMPURE)].map(
        ({ 0: found, index }) => `${file.path}:${lineAt(file.code, index)}: core uses ${found}: ${advice}`,
      ),
    ])
}

/** Modules of the host imported where they may not be: `modules` are names without `node:`. */
export function findHostImports(
  files: readonly SourceFile[],
  modules: readonly string[],
  advice: string,
): string[] {
  return files
    .filter(file => !file.isTest)
    .flatMap(file =>
      file.imports
        .filter(
          ({ specifier, isTypeOnly }) => !isTypeOnly && modules.includes(specifier.replace('node:', '')),
        )
        .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}: ${advice}`),
    )
}

/** `console` in a file: a daemon's words go through its log. */
export function findConsole(files: readonly SourceFile[]): string[] {
  return files.flatMap(file =>
    [...file.code.matchAll(/(?<![.\w])console\s*\./g)].map(
      ({ index }) =>
        `${file.path}:${lineAt(file.code, index)}: uses console: log an event, or in a test t.diagnostic()`,
    ),
  )
}

/** Default exports anywhere, and files that only pass on what others own, except those in `barrels`. */
export function findBarrels(files: readonly SourceFile[], barrels: readonly string[]): string[] {
  return files.flatMap(file => {
    const at = (index: number) => `${file.path}:${lineAt(file.code, index)}`
    const defaults = [...file.code.matchAll(/^export\s+default\b|\bas default\b/gm)].map(
      ({ index }) => `${at(index)}: default export: export it by its name`,
    )
    if (barrels.includes(file.path)) return defaults
    const passedOn = [...file.code.matchAll(/^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s*from\b)/gm)].map(
      ({ index }) => `${at(index)}: passes on another file's names: import from the file that owns them`,
    )
    return [...defaults, ...passedOn]
  })
}

/** Files and folders whose name says nothing, or is not kebab-case. */
export function findBadNames(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path }) =>
    path.split('/').flatMap(part => {
      const stem = part.replace(/(?:\.test|\.d)?\.tsx?$/, '')
      if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(stem)) return [`${path}: "${part}": write it in kebab-case`]
      if (!EMPTY_NAMES.test(stem)) return []
      return [`${path}: "${part}" says nothing of what is in it: name it after its main export`]
    }),
  )
}

/** Exports without a docstring directly above. A further overload of a documented function needs none. */
export function findUndocumented(files: readonly SourceFile[]): string[] {
  return files
    .filter(file => !file.isTest)
    .flatMap(file => {
      const documented = new Set<string>()
      return [...file.code.matchAll(EXPORTS)].flatMap(({ index, 1: name = '' }) => {
        const above = file.text.slice(0, index)
        const doc = /\/\*\*((?:(?!\*\/).)*)\*\/\n$/s.exec(above)?.[1] ?? ''
        if (/\w{2}/.test(doc)) documented.add(name)
        if (documented.has(name)) return []
        const line = lineAt(file.text, index)
        return [`${file.path}:${line}: ${name} has no docstring: say what a stranger to it must know`]
      })
    })
}

/** Files that import each other in a circle, types included: one message a circle, with the way around. */
export function findCycles(files: readonly SourceFile[]): string[] {
  const imports = importsByPath(files)
  const finished = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (finished.has(path)) return
    const start = trail.indexOf(path)
    if (start !== -1) {
      const way = [...trail.slice(start), path].join(' -> ')
      found.push(`${way}: move what both need to a file of its own`)
      return
    }
    for (const next of imports.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const { path } of files) visit(path, [])
  return found
}

/** Files that no entry point reaches. */
export function findOrphans(files: readonly SourceFile[], isEntry: (file: SourceFile) => boolean): string[] {
  const imports = importsByPath(files)
  const reached = new Set(files.filter(isEntry).map(({ path }) => path))
  for (const path of reached) for (const next of imports.get(path) ?? []) reached.add(next)
  return files
    .filter(({ path, isTest }) => !isTest && !reached.has(path) && !path.endsWith('.d.ts'))
    .map(({ path }) => `${path}: no entry point reaches it, a test alone at best: use it or remove it`)
}

/** Exports whose name stands nowhere else, in no test either. */
export function findDeadExports(files: readonly SourceFile[]): string[] {
  const counts = new Map<string, number>()
  const add = (word: string) => counts.set(word, (counts.get(word) ?? 0) + 1)
  for (const { code, text } of files) {
    for (const [word] of code.matchAll(/[\w$]+/g)) add(word)
    // Pages are loaded late, by a name that is a string.
    for (const [, word = ''] of text.matchAll(/'([\w$]+)'/g)) add(word)
  }
  return files.flatMap(({ path, code }) =>
    [...code.matchAll(EXPORTS)].flatMap(([, name = '']) =>
      counts.get(name) === 1 ? [`${path}: nothing uses ${name}: remove it`] : [],
    ),
  )
}

function importsByPath(files: readonly SourceFile[]): Map<string, string[]> {
  return new Map(
    files.map(file => [
      file.path,
      file.imports.flatMap(({ target }) => (target === undefined ? [] : [posix.normalize(target)])),
    ]),
  )
}

/** Packages that need nothing of a host. */
const PURE_PACKAGES = /^(?:zod|zod-openapi|semver)(?:\/|$)/
const IMPURE =
  /(?<![.\w])(?:Date\.now|new Date\(\s*\)|Math\.random|set(?:Timeout|Interval|Immediate)|queueMicrotask|performance\s*\.|console\s*\.|process\s*\.|Buffer\s*\.|fetch\(|crypto\s*\.)/g
/** A service manager is a thing; a manager is none. */
const EMPTY_NAMES = /(?:^|-)(?:utils?|helpers?|common|misc)$|^(?:managers?|service|base)$/
const EXPORTS =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\s*\*?|class|interface|type|const|let)\s+(\w+)/gm
