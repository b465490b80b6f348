import { EdgeError } from '../../core/edge/edge-error.ts'
import type { AuthPolicyRecord } from './edge-records.ts'

type Rules = AuthPolicyRecord['primary']['updb']

/**
 * Check that a password may be set.
 *
 * @param field  of the request, for the error
 * @throws EdgeError COULD_NOT_VALIDATE saying which rule it breaks
 */
export function checkPassword(password: string, rules: Rules, field = 'password'): void {
  const broken = brokenRule(password, rules)
  if (broken !== undefined) throw new EdgeError('COULD_NOT_VALIDATE', broken, { field })
}

function brokenRule(password: string, rules: Rules): string | undefined {
  const characterCount = [...password].length
  if (password.length > MAX_PASSWORD_CHARACTERS) return `at most ${MAX_PASSWORD_CHARACTERS} characters`
  if (characterCount < rules.minPasswordLength) return `at least ${rules.minPasswordLength} characters`
  if (!password.isWellFormed()) return 'text, without halves of characters'
  if (rules.requireNumberChar && !/\p{Nd}/u.test(password)) return 'at least one digit'
  if (rules.requireSpecialChar && !/[^\p{L}\p{N}\s]/u.test(password)) return 'at least one special character'
  const isMixed = /\p{Lu}/u.test(password) && /\p{Ll}/u.test(password)
  return rules.requireMixedCase && !isMixed ? 'upper and lower case letters' : undefined
}

/** The longest password that is looked at. */
export const MAX_PASSWORD_CHARACTERS = 1_024
