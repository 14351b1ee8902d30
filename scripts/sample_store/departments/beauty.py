"""Beauty: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Solenne", 1.2, "Solenne lists every ingredient with its purpose."),
    brand("Murravale", 0.9, "Murravale refills empty bottles by post."),
    brand("Botanique Arden", 1.3, "Botanique Arden grows its herbs behind the laboratory."),
    brand("Clearbrook", 0.8, "Clearbrook skips perfume and fancy boxes."),
)

SUNSCREEN = product(
    "sunscreen", "Skin Care/Sunscreen", (9, 36), "white|yellow|orange|blue",
    slots={"size": "50 ml|100 ml|200 ml", "spf": "30|50"},
    kinds=(
        kind("face", "Face Sunscreen|Daily Sun Fluid", 1.1,
             "SPF {spf} that sinks in within seconds and sits well under make-up.",
             "A light fluid for every morning, winter included, because the sun does most of the aging.",
             purposes=("Daily sun protection for the face.", "Protects facial skin from sunburn and aging.")),
        kind("body", "Sunscreen Lotion|Sun Milk", 0.9,
             "Spreads easily over arms and backs and does not turn them white.",
             "High protection for days at the pool, with no sticky film.",
             purposes=("Protects the skin from sunburn at the beach and pool.", "Sun protection for the whole body.")),
        kind("kids", "Kids' Sunscreen|Baby Sunscreen", 1.0,
             "Mineral filters instead of chemical ones, for the thin skin of toddlers.",
             "Tinted blue as it goes on, so you see the spot behind the knee that you missed.",
             purposes=("Gentle sun protection for babies' and children's skin, also in water.", "Protects children from sunburn.")),
        kind("after", "After-Sun Gel|Cooling After-Sun Lotion", 0.7,
             "Aloe and panthenol calm skin that has had too much.",
             "You stayed out too long: this takes the heat out of red shoulders.",
             purposes=("Soothes and cools sunburned skin.", "Care for skin after too much sun.")),
    ),
    features=(
        feature("water", "Water-Resistant", "It lasts through eighty minutes of swimming.", "Sweat and salt water do not wash it off.", kinds="face body kids"),
        feature("reef", "Reef-Friendly", "Free of the filters that harm coral.", "Kind to the sea as well.", kinds="face body kids"),
        feature("sensitive", "Sensitive-Skin", "Without perfume, for people who come out in a rash.", "Dermatologists tested it on the touchiest skin they could find."),
        feature("aloe", "Aloe", "Aloe vera from the leaf cools on contact.", "Feels like a cold compress.", kinds="after body"),
        feature("matte", "Matte", "Dries without shine.", "No greasy forehead in the photos.", kinds="face body"),
    ),
    uses=("Pale people should buy two.", "Fits in hand luggage.", "Keep one in the car and one by the door."),
    facts=("Contents {size}.", "Use within twelve months of opening."),
    pairs="sun_hat moisturizer",
)

MOISTURIZER = product(
    "moisturizer", "Skin Care/Creams", (10, 62), "white|cream|green|pink",
    slots={"size": "30 ml|50 ml|75 ml|150 ml"},
    kinds=(
        kind("day", "Day Cream|Face Moisturizer", 1.0,
             "A cushion of moisture for faces that feel tight after washing.",
             "Absorbs quickly and leaves skin soft until evening.",
             purposes=("A light daily face cream for dry skin.", "Moisturizes the face all day.")),
        kind("night", "Night Cream|Overnight Face Mask", 1.3,
             "Works while you sleep: rich oils and a little retinol smooth fine lines.",
             "Wake up looking as though you had eight hours.",
             purposes=("An anti-aging cream for the night that reduces wrinkles.", "A rich night cream for the face.")),
        kind("hand", "Hand Cream|Hand Balm", 0.5,
             "For knuckles cracked by frost, dish soap or gardening.",
             "Shea butter heals rough hands and does not leave prints on your phone.",
             purposes=("Repairs dry, cracked hands and protects them in winter.", "A nourishing cream for rough and chapped hands.")),
        kind("body", "Body Lotion|Body Butter", 0.7,
             "A generous bottle for dry shins and elbows after the shower.",
             "Melts on warm skin and stops the winter itch.",
             purposes=("A moisturizing lotion for dry skin on the whole body.", "Daily care for dry legs, arms and elbows."),
             slots={"size": "200 ml|250 ml|400 ml"}),
    ),
    features=(
        feature("fragrance", "Fragrance-Free", "No scent at all, for noses and skin that react to everything.", "Made for allergy-prone skin, with nothing to irritate it."),
        feature("vegan", "Vegan", "Nothing in it comes from an animal, and none was used for testing.", "Plant oils only, certified cruelty-free."),
        feature("hyaluron", "Hyaluronic", "Hyaluronic acid holds water in the skin and plumps it.", "Small and large molecules hydrate at two depths.", kinds="day night"),
        feature("herbal", "Lavender", "Smells of lavender fields at dusk.", "A breath of lavender helps you wind down.", kinds="night hand body"),
    ),
    uses=("A little goes a long way.", "Suitable for men who claim not to need it.", "Small enough for a desk drawer."),
    facts=("Contents {size}.", "The jar is recycled glass."),
    pairs="sunscreen",
)

HAIR_DRYER = product(
    "hair_dryer", "Hair/Dryers & Stylers", (22, 180), "black|white|pink|purple|gold",
    slots={"size": "1200 W|1800 W|2200 W"},
    kinds=(
        kind("dryer", "Hair Dryer|Ionic Hair Dryer", 1.0,
             "Dries long hair in the time it takes to hear two songs.",
             "Strong, even air and a cold shot that sets the style.",
             purposes=("A powerful hair dryer for quick drying at home.", "Dries and styles hair quickly.")),
        kind("travel", "Travel Hair Dryer|Folding Hair Dryer", 0.5,
             "Folds in half and switches between 110 and 230 volts.",
             "No more hoping that the hotel has one that works.",
             purposes=("A small foldable hair dryer for travel.", "A compact dryer for holidays and business trips."),
             slots={"size": "1000 W|1200 W"}),
        kind("straightener", "Hair Straightener|Flat Iron", 0.8,
             "Smooth plates tame waves in one pass without snagging.",
             "Sleek for the day, even in drizzle.",
             purposes=("Straightens curly and frizzy hair and makes it smooth.", "A hair iron for smooth, straight hair."),
             slots={"size": "45 W|60 W"}),
        kind("curler", "Curling Iron|Hair Curler", 0.75,
             "Loose waves or tight ringlets, depending on how long you hold on.",
             "A ceramic barrel makes curls that survive a dance floor.",
             purposes=("Makes curls and waves in straight hair.", "A styling tool for curls and waves."),
             slots={"size": "19 mm|25 mm|32 mm"}),
    ),
    features=(
        feature("ionic", "Ionic", "Ions close the surface of each strand, which ends frizz.", "Less static, more shine."),
        feature("quiet", "Quiet", "You can hold a conversation while it runs.", "Turns the morning roar into a hum.", kinds="dryer travel"),
        feature("gentle", "Heat-Protecting", "A sensor checks the temperature forty times a second so nothing gets scorched.", "Gentle on dyed and brittle hair."),
        feature("diffuser", "Diffuser", "The diffuser lifts curls instead of blowing them apart.", "Curly heads get definition without the fluff.", kinds="dryer"),
    ),
    uses=("For people who leave the house ten minutes after waking.", "The cable is long enough to reach the mirror.", "Thick hair is no match for it."),
    facts=("Size or power: {size}.", "A heatproof pouch is in the box."),
    pairs="moisturizer",
)

DEPARTMENT = Department("Beauty", "BEA", BRANDS, (SUNSCREEN, MOISTURIZER, HAIR_DRYER))
