"""Clothing: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Wrenfield", 1.0, "Wrenfield cuts for people with shoulders."),
    brand("Sorrel & Pine", 1.25, "Sorrel & Pine knows each of its nine workshops by name."),
    brand("Tideloom", 1.1, "Tideloom spins yarn out of discarded fishing nets."),
    brand("Marlowick", 0.8, "Marlowick sells good basics without the fuss."),
    brand("Alpenrue", 1.3, "Alpenrue offers free mending for life."),
)

RAIN_JACKET = product(
    "rain_jacket", "Outerwear/Jackets", (45, 230), "yellow|navy|forest green|red|black|gray",
    slots={"size": "S|M|L|XL"},
    kinds=(
        kind("shell", "Rain Jacket|Waterproof Shell", 1.0,
             "Three layers keep a downpour out and still let you breathe on the climb.",
             "Sealed seams, a stiff-brimmed hood and cuffs that close: wet weather stays outside.",
             purposes=("A waterproof jacket for hiking and everyday walks in the rain.", "Keeps you dry in heavy rain outdoors.")),
        kind("packable", "Packable Windbreaker|Pocket Rain Jacket", 0.6,
             "It folds into its own pocket and weighs no more than an apple, just in case the forecast lies.",
             "A thin layer against gusts and drizzle that lives at the bottom of your bag.",
             purposes=("A light jacket against wind and showers that packs small.", "An emergency rain jacket for hikes, cycling and travel.")),
        kind("parka", "Winter Parka|Down Parka", 1.6,
             "Long, lined and filled with down, for bus stops at minus fifteen.",
             "When the cold bites through everything else, zip this up to the chin.",
             purposes=("A very warm winter coat for freezing cold and snow.", "Keeps you warm in icy winter weather far below zero.")),
        kind("trench", "Raincoat|Trench Coat", 1.3,
             "Office-smart on the outside, watertight in secret.",
             "Belted and knee-length, so you arrive at dinner dry and presentable.",
             purposes=("An elegant raincoat that keeps you dry in the city.", "A waterproof coat for work and everyday wear on rainy days.")),
    ),
    features=(
        feature("breathable", "Breathable", "Vents under the arms let the steam out on steep paths.", "It breathes, so you do not get soaked from the inside.", kinds="shell packable"),
        feature("recycled", "Recycled", "The cloth used to be plastic bottles.", "Made from reclaimed nylon."),
        feature("hood", "Storm-Hood", "The hood adjusts over a bike helmet and turns with your head.", "A wire in the peak keeps the rain off your glasses."),
        feature("reflective", "Hi-Vis", "Reflective piping makes you visible to drivers after dark.", "Cyclists like the bright details on the back.", kinds="shell packable"),
        feature("pockets", "Many-Pocket", "Two chest pockets take a map and a phone.", "Fleece-lined pockets warm cold fingers.", kinds="shell parka trench"),
    ),
    uses=("For dog owners, who have to go out regardless.", "Coastal walks in October become a pleasure.", "Runs true to size, with room for a sweater."),
    facts=("Water column 10,000 to 20,000 mm.", "PFAS-free water repellent."),
    pairs="socks backpack sweater",
)

SWEATER = product(
    "sweater", "Knitwear/Sweaters", (35, 150), "cream|navy|charcoal|rust|moss green|burgundy",
    slots={"size": "S|M|L|XL", "wool": "lambswool|merino|alpaca|cashmere blend"},
    kinds=(
        kind("crew", "Crew-Neck Sweater|Wool Pullover", 1.0,
             "A plain round-necked knit in {wool} that goes with everything you own.",
             "Soft {wool}, ribbed cuffs, and a shape that has not changed since your father wore it.",
             purposes=("A warm knitted sweater for every day in fall and winter.", "A classic wool sweater for cold days.")),
        kind("turtleneck", "Turtleneck Sweater|Roll-Neck Jumper", 1.05,
             "The tall collar replaces a scarf and flatters almost everybody.",
             "Fine-knit and close, to wear under a jacket or by itself.",
             purposes=("A fine high-necked sweater that keeps the neck warm.", "A warm knit with a high collar.")),
        kind("cardigan", "Button Cardigan|Shawl Cardigan", 1.15,
             "Easy on, easy off, for offices where someone always opens the window.",
             "Five horn buttons and two pockets deep enough for reading glasses.",
             purposes=("A knitted jacket with buttons for cool rooms and evenings.", "A warm cardigan for home and office.")),
        kind("fleece", "Fleece Pullover|Quarter-Zip Fleece", 0.65,
             "Light, fluffy and quick to dry: the layer you pull on after a swim or a climb.",
             "Warm without wool, so it does not itch and does not shrink.",
             purposes=("A warm, light fleece top for outdoor sport and leisure.", "A soft fleece for hiking and cool evenings.")),
    ),
    features=(
        feature("soft", "Itch-Free", "So soft that even people who hate wool wear it on bare skin.", "No scratching at the neck, we promise."),
        feature("warm", "Heavyweight", "Knitted thick for drafty houses and open fires.", "One layer of this replaces two of others.", kinds="crew turtleneck cardigan"),
        feature("washable", "Machine-Washable", "It may go in the wool cycle and comes out the same size.", "No hand washing, no drama."),
        feature("nopill", "Anti-Pill", "Long fibers do not form little balls under the arms.", "Still looks new after a winter of use."),
    ),
    uses=("Dresses up for dinner and down for the sofa.", "A present that does get worn.", "Made for the week when the heating is not on yet."),
    facts=("Model wears M and is 178 cm tall.", "Dry it flat."),
    pairs="socks rain_jacket",
)

SOCKS = product(
    "socks", "Underwear/Socks", (8, 34), "gray|navy|black|mustard|striped|olive",
    slots={"size": "36-39|40-43|44-47"},
    kinds=(
        kind("hiking", "Hiking Socks|Trekking Socks", 1.1,
             "Cushioned under heel and toe, so boots stop rubbing on the second day.",
             "Knitted without bulky seams, because blisters ruin holidays.",
             purposes=("Padded socks for hiking that prevent blisters.", "Keeps feet dry and comfortable in hiking boots.")),
        kind("house", "Slipper Socks|House Socks", 1.0,
             "Thick, fluffy and dotted with rubber underneath, for cold kitchen tiles.",
             "Better than slippers: they stay on and keep toes toasty in front of the television.",
             purposes=("Warm nonslip socks for cold feet at home.", "Thick warm socks to wear at home instead of slippers.")),
        kind("dress", "Dress Socks|Business Socks", 0.8,
             "Thin enough for good shoes and long enough that no shin shows.",
             "Quiet patterns for the office, reinforced where shoes wear them out.",
             purposes=("Fine socks for suits and office shoes.", "Elegant socks for business and formal wear.")),
        kind("compression", "Compression Socks|Flight Socks", 1.2,
             "A firm squeeze from the ankle up keeps legs from swelling on long flights and long shifts.",
             "Nurses, waiters and travelers swear that tired calves feel lighter.",
             purposes=("Support stockings that prevent swollen legs on flights and while standing.", "Improves circulation and prevents heavy, swollen legs.")),
    ),
    features=(
        feature("merino", "Merino", "Merino wool keeps smells away for days.", "Warm when wet and never smelly, thanks to merino.", kinds="hiking house dress"),
        feature("bamboo", "Bamboo", "Bamboo fiber stays cool and silky.", "They wick sweat and feel smooth.", kinds="dress compression hiking"),
        feature("pack", "Multi-Pack", "Several pairs per pack, so one may get lost in the wash.", "Sold in threes, all alike, which makes pairing easy."),
        feature("durable", "Tough-Heel", "Heel and toe are double-knit and guaranteed for two years.", "If they get a hole, the maker sends a new pair."),
    ),
    uses=("The gift everyone jokes about and then keeps.", "For people with permanently cold feet.", "They stay up all day without leaving a mark."),
    facts=("Fits shoe sizes {size}.", "Wash at 40 degrees."),
    pairs="rain_jacket sweater",
)

SUN_HAT = product(
    "sun_hat", "Accessories/Sun Hats", (14, 65), "natural|white|navy|sand|olive|pink",
    slots={"size": "S/M|L/XL"},
    kinds=(
        kind("straw", "Straw Hat|Woven Sun Hat", 1.0,
             "A broad woven brim that shades face and neck at the beach.",
             "Hand-braided from paper straw; it rolls up for the suitcase and springs back.",
             purposes=("A wide-brimmed hat for sun protection at the beach and on holiday.", "Protects face and neck from the sun.")),
        kind("bucket", "Bucket Hat|Cotton Sun Hat", 0.7,
             "Soft cotton with a brim all round, to stuff in a pocket when a cloud comes by.",
             "Nineties looks with a serious purpose: no burned scalp.",
             purposes=("A casual cotton hat against the sun.", "Light sun protection for the head in the city and on holiday.")),
        kind("hiking", "Hiking Hat|Wide-Brim Trail Hat", 1.1,
             "A chin cord, a neck flap and a mesh crown for long hours without shade.",
             "Gardeners and trekkers wear it from morning till the light goes.",
             purposes=("A sun hat for hiking with protection for face and neck.", "Protects hikers and gardeners from sunburn on face, ears and neck.")),
        kind("kids", "Kids' Sun Hat|Baby Sun Hat", 0.6,
             "It ties under the chin so that it is still there after five minutes.",
             "Covers ears and neck of children who never sit still in the sand.",
             purposes=("Protects babies and children from the sun.", "A sun hat for small children at the beach and playground."),
             slots={"size": "6-12 months|1-3 years|4-6 years"}),
    ),
    features=(
        feature("upf", "UPF 50+", "The cloth blocks 98 percent of the rays.", "Rated UPF 50 for skin that goes red in minutes."),
        feature("cool", "Breezy", "Air passes through the crown, so your head stays cool.", "An inner band soaks up sweat before it reaches your eyes."),
        feature("pack", "Packable", "Crush it, sit on it, shake it out.", "It forgets every crease."),
        feature("float", "Floating", "Blown overboard, it floats until you fish it out.", "Sailors like that it does not sink.", kinds="hiking bucket"),
    ),
    uses=("For holidays, allotments and open-air concerts.", "Anyone with thin hair will be grateful.", "Looks good in photographs, too."),
    facts=("The brim is 6 to 11 cm wide.", "Adjustable inner band."),
    pairs="sunscreen water_bottle",
)

DEPARTMENT = Department("Clothing", "CLO", BRANDS, (RAIN_JACKET, SWEATER, SOCKS, SUN_HAT))
