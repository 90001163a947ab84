"""What Home Assistant calls devices and entities, by language: the word that tells them apart comes first.

A device page cuts names after some twenty characters. An entity's key is the end of its ids, so that these
stay as they are when words or the language change.
"""

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "nl", "fr", "de"]

MODELS: Mapping[str, Mapping[Language, str]] = {
    "electricity": {
        "en": "Electricity meter",
        "nl": "Elektriciteitsmeter",
        "fr": "Compteur d'électricité",
        "de": "Stromzähler",
    },
    "gas": {"en": "Gas meter", "nl": "Gasmeter", "fr": "Compteur de gaz", "de": "Gaszähler"},
}

_FLOWS: Mapping[str, Mapping[Language, str]] = {
    "consumption": {"en": "consumption", "nl": "afname", "fr": "prélèvement", "de": "Bezug"},
    "injection": {"en": "injection", "nl": "injectie", "fr": "injection", "de": "Einspeisung"},
    "net": {"en": "net", "nl": "saldo", "fr": "solde", "de": "Saldo"},
    "volume": {"en": "volume", "nl": "volume", "fr": "volume", "de": "Volumen"},
    "production": {"en": "production", "nl": "productie", "fr": "production", "de": "Erzeugung"},
    "auxiliary": {"en": "auxiliary", "nl": "hulpverbruik", "fr": "auxiliaires", "de": "Hilfsverbrauch"},
    "cost": {"en": "cost", "nl": "kosten", "fr": "coût", "de": "Kosten"},
    "compensation": {"en": "compensation", "nl": "vergoeding", "fr": "rémunération", "de": "Vergütung"},
}
_TARIFFS: Mapping[str, Mapping[Language, str]] = {
    "": {"en": "{}", "nl": "{}", "fr": "{}", "de": "{}"},
    "high": {"en": "high {}", "nl": "{} hoog", "fr": "HP {}", "de": "HT-{}"},
    "low": {"en": "low {}", "nl": "{} laag", "fr": "HC {}", "de": "NT-{}"},
}
_SPANS: Mapping[str, Mapping[Language, str]] = {
    "day": {"en": "Day {flow}", "nl": "Dag{flow}", "fr": "Jour\u202f: {flow}", "de": "Tag: {flow}"},
    "total": {
        "en": "Total {flow}",
        "nl": "Totaal {flow}",
        "fr": "Total\u202f: {flow}",
        "de": "Gesamt: {flow}",
    },
    "month": {"en": "Month {flow}", "nl": "Maand{flow}", "fr": "Mois\u202f: {flow}", "de": "Monat: {flow}"},
    "year": {"en": "Year {flow}", "nl": "Jaar{flow}", "fr": "Année\u202f: {flow}", "de": "Jahr: {flow}"},
    "last_year": {
        "en": "Last year {flow}",
        "nl": "Vorig jaar {flow}",
        "fr": "An passé\u202f: {flow}",
        "de": "Vorjahr: {flow}",
    },
    "last_month": {
        "en": "Last month {flow}",
        "nl": "Vorige maand {flow}",
        "fr": "Mois passé\u202f: {flow}",
        "de": "Vormonat: {flow}",
    },
}
_COSTS: Mapping[str, Mapping[Language, str]] = {
    "cost": {"en": "Cost of {}", "nl": "Kosten {}", "fr": "Coût {}", "de": "Kosten {}"},
    "compensation": {
        "en": "Compensation for {}",
        "nl": "Vergoeding {}",
        "fr": "Rémunération {}",
        "de": "Vergütung {}",
    },
    "standing_cost": {
        "en": "Standing charges and capacity",
        "nl": "Vaste kosten en capaciteit",
        "fr": "Frais fixes et capacité",
        "de": "Fixkosten und Kapazität",
    },
}

OTHERS: Mapping[str, Mapping[Language, str]] = {
    "peak": {"en": "Peak of the month", "nl": "Maandpiek", "fr": "Pointe du mois", "de": "Monatsspitze"},
    "peak_mean": {
        "en": "Mean peak, as billed",
        "nl": "Gemiddelde maandpiek",
        "fr": "Pointe moyenne",
        "de": "Mittlere Spitze",
    },
    "last_month_peak": {
        "en": "Last month peak",
        "nl": "Vorige maandpiek",
        "fr": "Mois passé\u202f: pointe",
        "de": "Vormonat: Spitze",
    },
    "peak_threshold": {
        "en": "Threshold of the peak",
        "nl": "Piekdrempel",
        "fr": "Seuil de la pointe",
        "de": "Spitzenschwelle",
    },
    "price": {"en": "Price now", "nl": "Prijs nu", "fr": "Prix actuel", "de": "Aktueller Preis"},
    "price_high": {
        "en": "High price now",
        "nl": "Hoog tarief nu",
        "fr": "Prix HP actuel",
        "de": "Aktueller HT-Preis",
    },
    "price_low": {
        "en": "Low price now",
        "nl": "Laag tarief nu",
        "fr": "Prix HC actuel",
        "de": "Aktueller NT-Preis",
    },
    "price_injection": {
        "en": "Injection price now",
        "nl": "Injectieprijs nu",
        "fr": "Prix injection actuel",
        "de": "Aktueller Einspeisepreis",
    },
    "chart": {
        "en": "Chart of the day",
        "nl": "Daggrafiek",
        "fr": "Graphique du jour",
        "de": "Tagesdiagramm",
    },
    "latest_day": {
        "en": "Latest complete day",
        "nl": "Laatste volle dag",
        "fr": "Dernier jour complet",
        "de": "Letzter ganzer Tag",
    },
    "latest_day_age": {
        "en": "Age of latest day",
        "nl": "Ouderdom laatste dag",
        "fr": "Âge du dernier jour",
        "de": "Alter letzter Tag",
    },
    "new_day": {"en": "New day", "nl": "Nieuwe dag", "fr": "Nouveau jour", "de": "Neuer Tag"},
    "problem": {"en": "Problem", "nl": "Probleem", "fr": "Problème", "de": "Problem"},
    "mandate_expires": {
        "en": "End of the mandate",
        "nl": "Einde mandaat",
        "fr": "Fin du mandat",
        "de": "Ende des Mandats",
    },
    "mandate_problem": {
        "en": "Mandate to be renewed",
        "nl": "Mandaat te vernieuwen",
        "fr": "Mandat à renouveler",
        "de": "Mandat zu erneuern",
    },
    "state": {"en": "Connection", "nl": "Verbinding", "fr": "Connexion", "de": "Verbindung"},
    "version": {"en": "Version", "nl": "Versie", "fr": "Version", "de": "Version"},
    "portal_last_success": {
        "en": "Portal answered",
        "nl": "Antwoord portaal",
        "fr": "Réponse du portail",
        "de": "Antwort des Portals",
    },
    "energy_api_last_success": {
        "en": "Energy API answered",
        "nl": "Antwoord Energy API",
        "fr": "Réponse Energy API",
        "de": "Antwort Energy API",
    },
    "next_run": {
        "en": "Next run",
        "nl": "Volgende bevraging",
        "fr": "Prochain passage",
        "de": "Nächster Abruf",
    },
    "refresh": {
        "en": "Ask Fluvius now",
        "nl": "Fluvius nu bevragen",
        "fr": "Interroger Fluvius",
        "de": "Fluvius jetzt abfragen",
    },
    "republish": {
        "en": "Publish again",
        "nl": "Opnieuw publiceren",
        "fr": "Publier à nouveau",
        "de": "Erneut veröffentlichen",
    },
    "answer": {"en": "Answer", "nl": "Antwoord", "fr": "Réponse", "de": "Antwort"},
    "history_from": {
        "en": "History from",
        "nl": "Historiek vanaf",
        "fr": "Historique depuis",
        "de": "Verlauf ab",
    },
    "fetch_history": {
        "en": "Fetch history",
        "nl": "Historiek ophalen",
        "fr": "Charger l'historique",
        "de": "Verlauf abrufen",
    },
    "stop_history": {
        "en": "Stop history",
        "nl": "Historiek stoppen",
        "fr": "Arrêter l'historique",
        "de": "Verlauf anhalten",
    },
    "history": {
        "en": "Progress of history",
        "nl": "Voortgang historiek",
        "fr": "Avancement historique",
        "de": "Fortschritt Verlauf",
    },
}


def of_entity(key: str, language: Language) -> str:
    """The name of an entity: `day_consumption_high` is "Day high consumption" in English."""
    if key in OTHERS:
        return OTHERS[key][language]
    span = next(each for each in _SPANS if key.startswith(f"{each}_"))
    return _SPANS[span][language].format(flow=_of_flow(key.removeprefix(f"{span}_"), language))


def of_register(key: str, language: Language) -> str:
    """What a register counts: `consumption_high` is "High consumption" in English, `volume` is "Volume"."""
    return _capitalized(_of_flow(key, language))


def of_cost(what: str, key: str, language: Language) -> str:
    """What is paid, or received: `cost` of `consumption_high` is "Cost of high consumption" in English.

    Args:
        what: cost, compensation or standing_cost.
        key: of the register, as in `of_register`; empty where it is about none.
        language: of the name.
    """
    return _COSTS[what][language].format(_of_flow(key, language) if key else "")


def told_apart(name: str, base: str) -> str:
    """A name that another bridge, which has another base topic, may use for something else."""
    return name if base == "fluvius" else f"{name} ({base})"


def _of_flow(key: str, language: Language) -> str:
    flow, _, tariff = key.partition("_")
    return _TARIFFS[tariff][language].format(_FLOWS[flow][language])


def _capitalized(words: str) -> str:
    return words[0].upper() + words[1:]
