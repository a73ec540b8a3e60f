// What went wrong and what to do about it, in the page's language. The service speaks English and knows the
// details; in French its error codes have sentences here, and a code without one keeps the service's words.

import type { LanguageCode } from "./words";

export type Reason = { message: string; hint: string };

const fr: Record<string, Reason> = {
  empty_file: { message: "Le fichier est vide.", hint: "Vérifiez qu'il a été copié en entier, puis ajoutez-le de nouveau." },
  unsupported_format: { message: "Ce type de fichier ne peut pas être lu.", hint: "Enregistrez-le en PDF, DOCX, XLSX, PPTX, OpenDocument, HTML ou texte, et ajoutez le résultat." },
  encrypted_pdf: { message: "Le PDF est protégé par un mot de passe.", hint: "Enregistrez une copie sans mot de passe et ajoutez-la." },
  encrypted_file: { message: "Le fichier est protégé par un mot de passe.", hint: "Enregistrez une copie sans mot de passe et ajoutez-la." },
  damaged_file: { message: "Le fichier est endommagé.", hint: "Ouvrez-le dans son propre logiciel, enregistrez-le de nouveau et ajoutez cette copie." },
  no_text: { message: "Le fichier ne contient pas de texte : ses pages sont sans doute des images.", hint: "Installez tesseract et laissez ingest.recognition activé, puis ajoutez-le de nouveau." },
  nothing_recognised: { message: "La reconnaissance de texte ne trouve aucun texte sur les pages.", hint: "Si vous pouvez y lire du texte, ajoutez une image plus nette (200 à 300 points par pouce), droite et bien contrastée." },
  recognition_failed: { message: "La reconnaissance de texte a échoué.", hint: "Voyez docs/operating.md, puis ajoutez le fichier de nouveau." },
  conversion_failed: { message: "Le fichier n'a pas pu être converti.", hint: "Ouvrez-le dans son propre logiciel, enregistrez-le en DOCX, PPTX ou PDF, et ajoutez le résultat." },
  too_large: { message: "Le fichier est trop grand.", hint: "Divisez-le en fichiers plus petits." },
  limit_exceeded: { message: "Le fichier contient plus que la limite permise.", hint: "Divisez-le en fichiers plus petits ; s'il vient d'autrui, ne lui faites pas confiance." },
  timed_out: { message: "La lecture du fichier a pris trop de temps.", hint: "Divisez-le en fichiers plus petits, ou relevez la limite de temps." },
  parser_crashed: { message: "Le fichier a fait échouer son lecteur.", hint: "Enregistrez-le de nouveau dans son propre logiciel ; s'il vient d'autrui, ne lui faites pas confiance." },
  worker_lost: { message: "Le travail sur ce document s'est interrompu trop souvent.", hint: "Cherchez dans le journal du système ce qui l'a interrompu (la mémoire ?), puis réessayez." },
  overloaded: { message: "Trop de demandes sont en attente.", hint: "Réessayez dans quelques secondes." },
  invalid_source: { message: "Ces réglages ne conviennent pas.", hint: "Corrigez-les et renvoyez-les." },
  no_credentials: { message: "Ces identifiants n'existent pas.", hint: "Écrivez une section [credentials.NOM] dans les réglages du service, puis redémarrez-le." },
  folder_not_allowed: { message: "Ce dossier n'est pas autorisé.", hint: "Nommez-le sous `folders` dans la section [sources] des réglages, ou ajoutez la source en ligne de commande sur la machine du service." },
  emptied: { message: "La source est vide alors qu'elle ne l'était pas ; rien n'a été supprimé.", hint: "Vérifiez que son disque est monté ; si c'est voulu, lancez `terroir sources sync NOM --allow-empty`." },
  missing: { message: "La source, ou cet élément, est introuvable.", hint: "Vérifiez l'adresse, l'orthographe, et que le disque est monté." },
  denied: { message: "L'accès est refusé.", hint: "Donnez au service, ou aux identifiants utilisés, le droit de lire." },
  robots: { message: "Le site ne permet pas sa lecture (robots.txt).", hint: "Demandez au propriétaire du site d'autoriser ce programme." },
  leads_out: { message: "L'adresse mène hors de cette source.", hint: "Ajoutez l'autre hôte à la source si ses pages en font partie." },
  too_many_pages: { message: "Le site a plus de pages que la limite.", hint: "Relevez la limite, ou laissez des pages de côté." },
  large_file_pointer: { message: "Ce fichier se trouve dans un stockage à part (LFS), qui n'est pas lu.", hint: "Laissez-le de côté, ou ajoutez le fichier lui-même." },
  no_git: { message: "Le programme git n'est pas installé.", hint: "Installez git sur la machine du service, puis redémarrez-le." },
  unreachable: { message: "Le serveur de la source est injoignable.", hint: "Vérifiez l'adresse, et que le serveur répond depuis la machine du service." },
  no_answer: { message: "La source n'a pas répondu à temps.", hint: "Vérifiez l'adresse, et que le serveur répond depuis la machine du service." },
  bad_answer: { message: "La source a répondu par une erreur.", hint: "Vérifiez l'adresse ; l'état connu est gardé jusqu'à ce qu'elle réponde de nouveau." },
  unauthorized: { message: "Ce service demande une clé.", hint: "Donnez-la comme mot de passe quand le navigateur le demande." },
  model_missing: { message: "Le modèle qui répond n'est pas installé.", hint: "Lancez `make models`, ou `terroir models import`, puis redémarrez." },
  worse: { message: "Ce jeu d'index trouve moins que celui qui est utilisé.", hint: "Gardez celui-ci, ou forcez le changement." },
  not_measured: { message: "Il y a trop peu de questions confirmées pour comparer.", hint: "Confirmez des questions sur vos documents, ou forcez le changement." },
  lexicon_alone: { message: "Une expression seule ne dit rien d'autre.", hint: "Écrivez-en une autre à côté, avec une virgule ou => entre elles." },
  lexicon_empty: { message: "Il n'y a rien avant, entre ou après les virgules ou le =>.", hint: "Écrivez-y une expression." },
  lexicon_arrows: { message: "La ligne contient plus d'un =>.", hint: "Écrivez deux entrées." },
  lexicon_characters: { message: "Une expression n'a ni lettre ni chiffre, ou contient un caractère de commande.", hint: "Écrivez-la en toutes lettres." },
  lexicon_too_long: { message: "C'est trop long pour un lexique.", hint: "Jusqu'à 5 000 lignes et 256 ko ; 16 expressions par entrée ; 100 caractères et 8 mots par expression." },
  user_not_found: { message: "Il n'y a pas d'utilisateur de ce nom.", hint: "Vérifiez l'orthographe, ou ajoutez-le." },
  key_not_found: { message: "Cette clé n'existe plus.", hint: "Rechargez la page." },
  collection_not_found: { message: "Cette collection n'existe plus.", hint: "Rechargez la page." },
  document_not_found: { message: "Ce document n'existe plus.", hint: "Rechargez la page." },
  question_too_long: { message: "La question est trop longue.", hint: "Posez-la en moins de mots ; ajoutez les longs textes comme documents." },
};

/** Of the codes that say little, by the parameter at fault. */
const frOfParameters: Record<string, Reason> = {
  "invalid_request name": { message: "Un nom a de 1 à 100 caractères, sans caractère de commande ni espace autour.", hint: "Choisissez un autre nom." },
  "invalid_request readers": { message: "Ce n'est pas un lecteur.", hint: "Écrivez public, user:NOM ou group:NOM." },
};

export function reason(error: Reason & { code: string; param?: string | null }, language: LanguageCode): Reason {
  const own = { message: sentence(error.message), hint: sentence(error.hint) };
  return language === "fr" ? (frOfParameters[`${error.code} ${error.param}`] ?? fr[error.code] ?? own) : own;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) || !capital ? capital : `${capital}.`;
}
