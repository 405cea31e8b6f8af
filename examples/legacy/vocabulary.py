"""Words the fictitious company, its people and its customers are made of, and the spellings its old CRM used."""

from __future__ import annotations

OPEN_STAGES = ("qualification", "needs_analysis", "proposal", "negotiation")
PROBABILITY = {"qualification": 10, "needs_analysis": 25, "proposal": 50, "negotiation": 75, "won": 100, "lost": 0}

# The first spelling is the usual one. The others are what people typed, imported or translated over the years.
STAGE_SPELLINGS = {
    "qualification": ("Qualification", "qualification ", "QUALIFICATION", "Qualifikation"),
    "needs_analysis": ("Needs Analysis", "needs analysis", "Needs-Analysis", "Bedarfsanalyse"),
    "proposal": ("Proposal", " Proposal", "Proposal/Quote", "Angebot"),
    "negotiation": ("Negotiation", "negotiation ", "Negotation", "Verhandlung"),
    "won": ("Closed Won", "closed won ", "Won", "Gewonnen"),
    "lost": ("Closed Lost", "closed lost ", "Lost", "Verloren"),
}
SOURCE_SPELLINGS = {
    "web": ("Web", "web ", "Website", "Wbe"),
    "referral": ("Referral", "Referal", "Empfehlung"),
    "trade_show": ("Trade show", "Tradeshow", "TRADE SHOW", "Messe"),
    "partner": ("Partner", "partner", "Parnter"),
    "cold_call": ("Cold call", "Cold-Call", "Kaltakquise"),
    "": ("",),
}
# Share of the deals, chance to win, and how slowly they move (100 is usual), each in per cent.
SOURCES = {
    "web": (33, 26, 100),
    "referral": (16, 56, 80),
    "trade_show": (14, 38, 115),
    "partner": (14, 47, 95),
    "cold_call": (15, 18, 130),
    "": (8, 34, 105),
}
LOSS_SPELLINGS = {
    "price": ("Price", "Too expensive", "Preis"),
    "competitor": ("Competitor", "Lost to competitor", "Wettbewerb"),
    "no_budget": ("No budget", "no budget ", "Kein Budget"),
    "no_decision": ("No decision", "No desicion"),
    "timing": ("Timing", "bad timing"),
}
INDUSTRY_SPELLINGS = {
    "manufacturing": ("Manufacturing", "Manufactoring", "Maschinenbau"),
    "food": ("Food & drink", "Food and Drink", "Lebensmittel"),
    "retail": ("Retail", "retial", "Einzelhandel"),
    "healthcare": ("Healthcare", "Health care", "Pharma"),
    "logistics": ("Logistics", "logistcs", "Spedition"),
    "chemicals": ("Chemicals", "chemicals ", "Chemie"),
}
SIZE_SPELLINGS = {
    "small": ("1-49", "< 50"),
    "medium": ("50-249", "50 - 249"),
    "large": ("250+", ">= 250"),
}
ROLE_SPELLINGS = {
    "decision_maker": ("Decision maker", "decision-maker", "Entscheider"),
    "influencer": ("Influencer", "influencer "),
    "user": ("User", "Anwender"),
    "": ("",),
}
ACTIVE_SPELLINGS = {"true": ("Active", "active "), "false": ("Left", "ausgeschieden")}

TEAMS = {
    "DACH North": "DACH",
    "DACH South": "DACH",
    "France & Benelux": "West",
    "Iberia": "South",
    "Nordics": "North",
    "North America": "Americas",
}
# Country, the spellings in the file, and (city, postcode) pairs, by team.
PLACES: dict[str, tuple[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]], ...]] = {
    "DACH North": (
        ("DE", ("Germany", "Deutschland", "germany "), (("Dresden", "01067"), ("Lübeck", "23552"), ("Köln", "50667"))),
    ),
    "DACH South": (
        ("DE", ("Germany", "Deutschland"), (("München", "80331"), ("Nürnberg", "90402"))),
        ("AT", ("Austria", "Österreich"), (("Wien", "1010"), ("Graz", "8010"))),
        ("CH", ("Switzerland", "Schweiz"), (("Zürich", "8001"),)),
    ),
    "France & Benelux": (
        ("FR", ("France", "FRANCE"), (("Besançon", "25000"), ("Nîmes", "30000"), ("Ajaccio", "20000"))),
        ("BE", ("Belgium", "Belgique"), (("Liège", "4000"),)),
    ),
    "Iberia": (
        ("ES", ("Spain", "España"), (("Málaga", "29001"), ("León", "24001"), ("Barcelona", "08001"))),
        ("PT", ("Portugal",), (("Évora", "7000-508"),)),
    ),
    "Nordics": (
        ("DK", ("Denmark", "Danmark"), (("Århus", "8000"),)),
        ("SE", ("Sweden", "Sverige"), (("Malmö", "211 19"),)),
        ("NO", ("Norway", "Norge"), (("Tromsø", "9008"), ("Oslo", "0150"))),
    ),
    "North America": (
        ("US", ("United States", "USA", "U.S.A."), (("Boston", "02108"), ("Newark", "07102"), ("Denver", "80202"))),
    ),
}
STREETS = ("Hauptstraße", "Rue de l'Église", "Calle Mayor", "Storgatan", "Main Street", "Industrieweg")

GIVEN = (
    "Anna",
    "Björn",
    "Chloé",
    "Dário",
    "Élodie",
    "Frank",
    "Greta",
    "Håkon",
    "Inés",
    "Jörg",
    "Karin",
    "Léa",
    "Marek",
    "Núria",
    "Olaf",
    "Petra",
    "Quentin",
    "Renée",
    "Søren",
    "Tomás",
    "Ulrike",
    "Vera",
    "Willem",
    "Zoë",
)
FAMILY = (
    "Schmidt",
    "Müller",
    "Lefèvre",
    "García",
    "Nuñez",
    "Åkesson",
    "Østergaard",
    "Šimek",
    "Weiß",
    "O'Neill",
    "Dupont",
    "Ferreira",
    "Jansen",
    "Köhler",
    "Lindqvist",
    "Marchand",
    "Null",
    "Petit",
    "Quiroga",
    "Rossi",
    "Sørensen",
    "Téllez",
    "Vandenbroucke",
    "Young",
)
# Given and family names as they stand in the file; some have only one of the two.
RARE_NAMES = (
    ("小明", "王"),
    ("修", "欧阳"),
    ("さくら", "田中"),
    ("민준", "김"),
    ("محمد", "الأحمد"),
    ("דוד", "כהן"),
    ("Zoë 🚀", "Starling"),
    ("Mia 👩‍💻", "Berg"),
    ("Ngô Thị", "Hạnh"),
    ("Άννα", "Παπαδοπούλου"),
    ("Оксана", "Шевченко"),
    ("Sukarno", ""),
)
STEMS = (
    "Adler",
    "Bär",
    "Côte",
    "Delta",
    "Élan",
    "Falk",
    "Grün",
    "Hansa",
    "Ibérica",
    "Jura",
    "Krone",
    "Löwe",
    "Mistral",
    "Nordsee",
    "Öresund",
    "Piñón",
    "Quarz",
    "Rhône",
    "Süd",
    "Tréfle",
    "Ulmen",
    "Vega",
    "Weser",
    "Xenon",
    "Ypsilon",
    "Zürn",
    "Atlas",
    "Boréal",
    "Castaño",
    "Dünen",
)
TRADES = ("Foods", "Logistik", "Pharma", "Bäckerei", "Cosmétique", "Papier", "Getränke", "Plásticos", "Trading")
LEGAL = {
    "DE": "GmbH",
    "AT": "GmbH",
    "CH": "AG",
    "FR": "SARL",
    "BE": "SA",
    "ES": "S.L.",
    "PT": "Lda",
    "DK": "A/S",
    "SE": "AB",
    "NO": "AS",
    "US": "Inc.",
}
# Legitimate names that a spreadsheet takes for a formula, or a careless reader for nothing.
ODD_ACCOUNTS = ("=1+1 Agentur", "@home GmbH", "-Minus- Design", "+49 Druckerei", "NA", "0800 Reifen", 'Bar "Zum Anker"')
PRODUCTS = ("Case packer", "Palletiser", "Labeller", "Retrofit", "Spare parts", "Service contract", "Flow wrapper")
ODD_DEALS = (
    "=1+1",
    '=HYPERLINK("http://example.com","open")',
    "+49 hotline extension",
    "-10% campaign",
    "@Expo booth",
    "包装线 2 期",
    "خط التغليف",
    "Line 4 🚀",
)
TITLES = ("Head of Purchasing", "Plant Manager", "CEO", "Buyer", "Ingénieur de production", "Einkäufer")
TAGS = ("vip", "key account", "export", "newsletter")
NOTES = (
    "Called on Monday,\nwants the offer by e-mail",
    'Prefers "green" packaging; see visit report',
    "Credit limit 50.000 €",
    "Übernahme durch Mutterhaus geplant\nsiehe Akte",
)
