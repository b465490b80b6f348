/** Where keys are kept: `DataFolder` of the store. A secret is replaced whole or not at all, and only its owner reads it. */
export interface SecretFolder {
  /** @returns undefined if there is none of that name */
  readSecret(name: string): Promise<string | undefined>
  writeSecret(name: string, text: string): Promise<void>
}
