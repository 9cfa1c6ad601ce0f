export function loadNetron(
  folder: string,
): Promise<(file: string) => Promise<{ readonly modules: readonly unknown[] }>>;
