import type { Cli } from '../context.ts'
import { painter } from './colors.ts'
import { type Column, type Field, formatFields, formatTable } from './table.ts'
import { visible } from './text-width.ts'

/** How a listing is printed. */
export interface ListView<T> {
  readonly columns: readonly Column<T>[]
  /** What `-o name` prints of each. */
  readonly nameOf: (item: T) => string
}

/** Print a listing on standard output, as `-o` says. */
export async function showList<T>(cli: Cli, items: readonly T[], view: ListView<T>): Promise<void> {
  const { output } = cli.options
  if (output === 'table') print(cli, formatTable(items, view.columns, painter(cli)))
  else if (output === 'name') printNames(cli, items.map(view.nameOf))
  else await printData(cli, items)
}

/** How one thing is printed. */
export interface ThingView {
  /** What `-o name` prints. */
  readonly name: string
  readonly fields: readonly Field[]
  /** Goes below the fields: tables of what belongs to it. */
  readonly below?: string
}

/** Print one thing on standard output, as `-o` says. @param value  what JSON and YAML show */
export async function showThing(cli: Cli, value: unknown, view: ThingView): Promise<void> {
  const { output } = cli.options
  if (output === 'table') print(cli, formatFields(view.fields) + (view.below ?? ''))
  else if (output === 'name') printNames(cli, [view.name])
  else await printData(cli, value)
}

/**
 * Say what a change did: one line, nothing with `-q`; with `-o json` or `yaml` the value, with `-o name` the name.
 *
 * @param text  what happened, and what to do next where that helps
 */
export async function report(cli: Cli, text: string, value: { name: string; data: unknown }): Promise<void> {
  const { output, quiet } = cli.options
  if (output === 'json' || output === 'yaml') await printData(cli, value.data)
  else if (output === 'name') printNames(cli, [value.name])
  else if (!quiet) print(cli, `${text}\n`)
}

/** Print text of our own on standard output; what came from elsewhere must be `visible` already. */
export function print(cli: Cli, text: string): void {
  cli.world.stdout.write(text)
}

/** A remark that is no result, on standard error; nothing with `-q`. */
export function remark(cli: Cli, text: string): void {
  if (!cli.options.quiet) cli.world.stderr.write(`${text}\n`)
}

/** Print a value as JSON, or as YAML with `-o yaml`. */
export async function printData(cli: Cli, value: unknown): Promise<void> {
  if (cli.options.output === 'yaml') {
    const { stringify } = await import('yaml')
    print(cli, stringify(value))
  } else print(cli, `${JSON.stringify(value, null, 2)}\n`)
}

function printNames(cli: Cli, names: readonly string[]): void {
  print(cli, names.map(name => `${visible(name)}\n`).join(''))
}
