import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Ms, parseSpan } from '../core/model/time.ts'

/** How results are printed. */
export type OutputFormat = 'table' | 'json' | 'yaml' | 'name'

/** The options every command takes, wherever they stand on the line. */
export interface GlobalOptions {
  readonly data?: string
  readonly mesh?: string
  /** `[MESH/]ENDPOINT` */
  readonly ep?: string
  readonly output: OutputFormat
  readonly timeout?: Ms
  readonly quiet?: true
  readonly color: boolean
}

/** Give the root command the options that hold for all. */
export function addGlobalOptions(root: Command): void {
  root
    .optionsGroup('Global options:')
    .addOption(new Option('--data <folder>', 'state folder (else ZTM_DATA, else ~/.ztm)'))
    .addOption(new Option('--mesh <mesh>', 'mesh to speak of (else ZTM_MESH, else `ztm config`)'))
    .addOption(new Option('--ep <endpoint>', 'endpoint to speak of, [MESH/]NAME or id'))
    .addOption(
      new Option('-o, --output <format>', 'how to print results')
        .choices(['table', 'json', 'yaml', 'name'])
        .default('table'),
    )
    .addOption(
      new Option('--timeout <span>', 'give up after this long, as 10s or 2m (default: 30s)').argParser(
        parseSpanOption,
      ),
    )
    .addOption(new Option('-q, --quiet', 'print nothing where a change succeeded'))
    .addOption(new Option('--no-color', 'no colours, even on a terminal'))
}

/** Reads `10s`, `5m`, `24h` as an option's value. */
export function parseSpanOption(text: string): Ms {
  const span = parseSpan(text)
  if (span === undefined) throw new InvalidArgumentError('write a span such as 500ms, 10s, 5m, 24h or 7d')
  return span
}

/** Reads a whole number as an option's value. @param range  smallest and largest that is taken */
export function integerOption(range: readonly [number, number]): (text: string) => number {
  const [least, most] = range
  return text => {
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`write a number from ${least} to ${most}`)
    }
    return value
  }
}
