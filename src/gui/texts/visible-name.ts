/** A text that others chose, with a box for everything in it that cannot be seen. */
export function visibleName(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '␣')
}
